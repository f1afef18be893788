"""Whether several threads mask a large batch faster: ``python benchmarks/masking/threads.py``.

A 256 x 512 batch of 6-mer ids is masked as in ``run.py``, with one thread and with two in turn. Time is that
of the clock: the medians tell something only where two cores have nothing else to do, the fastest rounds also
on a machine that is idle now and then.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

os.environ["NUMBA_NUM_THREADS"] = "2"

import numba
import numpy as np
from run import sequences, strategies
from sections import table

from dnamask_plugins.corruption import Corruption
from dnamask_plugins.masking import Masker
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.types import MaskSpec, TokenBatch

ROWS, CALLS = 256, 3


def milliseconds(masker: Masker, batch: TokenBatch, name: str, threads: int) -> float:
    """Return what a call takes, the mean of several."""
    numba.config.NUMBA_NUM_THREADS = threads
    spec, ids = MaskSpec.single(name, 0.15), np.arange(len(batch))
    began = time.perf_counter()
    for _ in range(CALLS):
        masker(batch, spec, 0, ids)
    return (time.perf_counter() - began) * 1000 / CALLS


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    tokenizer = KmerTokenizer(6)
    masker = Masker(strategies(), Corruption.for_tokenizer(tokenizer))
    batch = tokenizer.encode_batch(sequences(ROWS))
    taken: dict[tuple[str, int], list[float]] = {}
    for number in range(rounds + 1):
        for name in masker.strategies:
            for threads in (2, 1):
                time_taken = milliseconds(masker, batch, name, threads)
                if number:  # the first round compiles, and starts the threads
                    taken.setdefault((name, threads), []).append(time_taken)
    rows = []
    for name in masker.strategies:
        row = [name]
        for figure in (statistics.median, min):
            one, two = (figure(taken[name, threads]) for threads in (1, 2))
            row += [f"{one:.2f}", f"{two:.2f}", f"{one / two:.2f}"]
        rows.append(row)
    header = ["one thread, ms", "two threads, ms", "gain"]
    print(table(["masker", *header, *(f"fastest: {words}" for words in header)], rows))
    load = f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores"
    print(f"Medians and fastest of {rounds} rounds of {CALLS} calls, in turn; {load}.")


if __name__ == "__main__":
    main()
