"""Speed of masking a 32 x 512 batch of 6-mer ids, ids in, ids and labels out, one thread, beside the peers.

``python benchmarks/masking/run.py`` prints the table; ``--write`` puts it into README.md. On a busy machine
many short rounds tell more: ``--ours --rounds 25 --seconds 0.006``; the last column compares the fastest
of each with that of the floor. Peers that are not installed are left out. Install them beside the
environment, and run with ``PYTHONPATH=peers``:
``pip install --no-deps --target peers seqmask==1.0.0 prokbert==0.0.48``.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numba
import numpy as np
import torch
from peers import all_peers, floor
from sections import replace_section, table

from dnamask_plugins.corruption import Corruption
from dnamask_plugins.masking import Masker
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.protocols import MaskingStrategy
from dnamask_plugins.strategies.genemask import GeneMask
from dnamask_plugins.strategies.global_npmi import GlobalNpmi
from dnamask_plugins.strategies.mixture import Mixture
from dnamask_plugins.strategies.random_token import RandomToken
from dnamask_plugins.strategies.reverse_complement import ReverseComplement
from dnamask_plugins.strategies.span import Span
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.types import MaskSpec, NucleotideBatch

ROWS, NUCLEOTIDES = 32, 515
ROUNDS, SECONDS = 7, 0.3


def sequences(rows: int) -> NucleotideBatch:
    """Return random sequences of 510 6-mers, 512 tokens with the special ones."""
    rng = np.random.default_rng(0)
    return NucleotideBatch.from_strings(["".join(rng.choice(list("ACGT"), NUCLEOTIDES)) for _ in range(rows)])


def strategies() -> dict[str, MaskingStrategy]:
    """Return what is measured, by name."""
    rng = np.random.default_rng(1)
    corpus = ["".join(rng.choice(list("ACGT"), 200_000, p=[0.3, 0.2, 0.2, 0.3]))]
    npmi = NpmiTable.from_sequences(corpus, k=6, min_count=1)
    return {
        "random_token": RandomToken(),
        "span": Span(),
        "span, geometric lengths": Span(length=4, geometric=True),
        "genemask": GeneMask(npmi),
        "global_npmi": GlobalNpmi(npmi),
        "global_npmi, temperature 0.5": GlobalNpmi(npmi, temperature=0.5),
        "mixture of genemask and global_npmi": Mixture([GeneMask(npmi), GlobalNpmi(npmi)]),
        "reverse_complement of genemask": ReverseComplement(GeneMask(npmi)),
    }


def ours() -> tuple[dict[str, Callable[[], Any]], Any]:
    tokenizer, letters = KmerTokenizer(6), sequences(ROWS)
    batch = tokenizer.encode_batch(letters)
    masker = Masker(strategies(), Corruption.for_tokenizer(tokenizer))
    ids = np.arange(ROWS)

    def run(name: str, from_letters: bool) -> Callable[[], Any]:
        spec = MaskSpec.single(name, 0.15)
        if from_letters:
            return lambda: masker(tokenizer.encode_batch(letters), spec, 0, ids)
        return lambda: masker(batch, spec, 0, ids)

    runs = {f"**{name}**": run(name, False) for name in masker.strategies}
    runs |= {
        f"**{name}**, tokenizing included": run(name, True) for name in ("span", "genemask", "global_npmi")
    }
    return runs, batch


def rate(run: Callable[[], Any], seconds: float) -> float:
    """Return sequences a second over about some seconds of processor time."""
    count, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        run()
        count += 1
    return count * ROWS / (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--ours", action="store_true", help="leave the peers out, except the floor")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="processor time of a round")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs, batch = ours()
    ids = torch.from_numpy(batch.input_ids.copy())
    runs |= floor(ids) if arguments.ours else all_peers(batch.input_ids, batch.special_tokens_mask)
    for name in list(runs):
        try:
            runs[name]()
        except Exception as error:
            print(f"left out: {name}: {type(error).__name__}: {error}")
            del runs[name]
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(arguments.rounds):
        for name, run in runs.items():
            found[name].append(rate(run, arguments.seconds))
    of_floor = next(rates for name, rates in found.items() if name.startswith("floor"))
    rows = [
        [name, f"{min(rates):,.0f}", f"{statistics.median(rates):,.0f}", f"{max(rates):,.0f}",
         f"{statistics.median(rates) / statistics.median(of_floor):.2f}", f"{max(rates) / max(of_floor):.2f}"]
        for name, rates in found.items()
    ]  # fmt: skip
    text = table(
        ["masker", "sequences/s, lowest", "median", "highest", "median / floor", "highest / floor"], rows
    )
    import transformers

    circumstances = (
        f"{arguments.rounds} rounds of {arguments.seconds:g} s of processor time each, all in turn; "
        f"one thread of {_processor()}, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, NumPy {np.__version__}, numba {numba.__version__}, "
        f"torch {torch.__version__}, transformers {transformers.__version__}."
    )
    print(text)
    print(circumstances)
    if arguments.write:
        replace_section("speed", f"{text}\n\n{circumstances}")


def _processor() -> str:
    with open("/proc/cpuinfo") as lines:
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
