"""Whether several threads mask a large batch faster: ``python benchmarks/masking/threads.py``.

A 256 x 512 batch of 6-mer ids is masked as in ``run.py``, with one thread and with two in turn. Time is that
of the clock, so that it tells something only where two cores have nothing else to do.
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

ROWS, CALLS = 256, 10


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
    parser.add_argument("--rounds", type=int, default=15)
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
        one, two = (statistics.median(taken[name, threads]) for threads in (1, 2))
        rows.append([name, f"{one:.2f}", f"{two:.2f}", f"{one / two:.2f}"])
    print(table(["masker", "one thread, ms", "two threads, ms", "gain"], rows))
    print(
        f"medians of {rounds} rounds of {CALLS} calls; load {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores."
    )


if __name__ == "__main__":
    main()
