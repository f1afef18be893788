"""Speed of tokenization on one thread, peers in the same run: ``python benchmarks/encoding/run.py``.

Every row is checked to give the same ids before it is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dnamask_plugins.nucleotides import decode_codes
from dnamask_plugins.tokenizers import kmer
from dnamask_plugins.tokenizers.base import empty_tokens
from dnamask_plugins.tokenizers.export import to_huggingface
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.tokenizers.logo import LogoTokenizer
from dnamask_plugins.types import NucleotideBatch

# Read by the libraries when they first start threads, that is after the imports.
os.environ |= {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

Row = tuple[str, Callable[[], Any], Callable[[Any], list[list[int]]]]


def random_batch(rows: int, length: int) -> NucleotideBatch:
    codes = np.random.default_rng(0).integers(0, 4, (rows, length)).astype(np.uint8)
    return NucleotideBatch(codes, np.full(rows, length, dtype=np.int32), np.zeros(codes.shape, dtype=bool))


def kmer_rows(batch: NucleotideBatch, strings: list[str], k: int) -> Iterator[Row]:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.processors import TemplateProcessing

    ours = KmerTokenizer(k)
    arrays = empty_tokens(len(strings), len(strings[0]) - k + 3)

    def kernel() -> Any:
        kmer._encode(batch.codes, batch.lengths, kmer.digits(kmer.ALPHABET), k, *arrays)
        return arrays[0]

    yield "dnamask kmer, arrays given (kernel alone)", kernel, lambda ids: ids.tolist()
    yield (
        "dnamask kmer, codes to TokenBatch",
        lambda: ours.encode_batch(batch),
        lambda out: out.input_ids.tolist(),
    )
    yield (
        "dnamask kmer, strings to TokenBatch",
        lambda: ours.encode_batch(strings),
        lambda out: out.input_ids.tolist(),
    )

    vocabulary = dict(ours.token_to_id)

    def dictionary() -> list[list[int]]:
        out = []
        for text in strings:
            words = [text[start : start + k] for start in range(len(text) - k + 1)]
            out.append([2, *(vocabulary.get(word, 1) for word in words), 3])
        return out

    yield "Python: slices and a dictionary, ids only", dictionary, lambda ids: ids

    fast = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    fast.pre_tokenizer = WhitespaceSplit()
    fast.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    joined = [" ".join(text[i : i + k] for i in range(len(text) - k + 1)) for text in strings]
    yield (
        "tokenizers WordLevel, k-mers already joined by spaces",
        lambda: fast.encode_batch(joined),
        lambda out: [encoded.ids for encoded in out],
    )

    exported = to_huggingface(ours)
    yield (
        "AutoTokenizer of the saved folder, raw strings",
        lambda: exported(strings),
        lambda out: out["input_ids"],
    )


def logo_rows(batch: NucleotideBatch, strings: list[str], n: int) -> Iterator[Row]:
    ours = LogoTokenizer(n)
    yield (
        "dnamask logo, codes to TokenBatch",
        lambda: ours.encode_batch(batch),
        lambda out: out.input_ids.tolist(),
    )
    vocabulary = dict(ours.token_to_id)

    def dictionary() -> list[list[int]]:
        return [
            [1, *(vocabulary.get(text[start : start + n], 0) for start in range(0, len(text), n))]
            for text in strings
        ]

    yield "Python: slices and a dictionary, ids only", dictionary, lambda ids: ids


def bpe_rows(batch: NucleotideBatch, strings: list[str], path: str) -> Iterator[Row]:
    from tokenizers import Tokenizer

    from dnamask_plugins.tokenizers.bpe import BpeTokenizer

    ours, library = BpeTokenizer(path), Tokenizer.from_file(path)

    def ids(out: Any) -> list[list[int]]:
        return [row[shown].tolist() for row, shown in zip(out.input_ids, out.attention_mask, strict=True)]

    yield "dnamask bpe, codes to TokenBatch", lambda: ours.encode_batch(batch), ids
    yield (
        "tokenizers itself, list of encodings",
        lambda: library.encode_batch(strings),
        lambda out: [encoded.ids for encoded in out],
    )


def measure(action: Callable[[], Any], runs: int, seconds: float) -> tuple[float, float, float]:
    """Return the slowest, median and fastest CPU time of one call over several runs, all threads together."""
    action()
    times = []
    for _ in range(runs):
        calls, start = 0, time.process_time()
        while (elapsed := time.process_time() - start) < seconds:
            action()
            calls += 1
        times.append(elapsed / calls)
    return max(times), statistics.median(times), min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=256, help="sequences in a batch")
    parser.add_argument("--length", type=int, default=510, help="nucleotides in a sequence")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each run")
    parser.add_argument("--bpe", help="a tokenizer.json to measure as well, such as DNABERT-2's")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()

    batch = random_batch(options.rows, options.length)
    strings = [decode_codes(codes) for codes in batch.codes]
    groups = [("6-mers", kmer_rows(batch, strings, 6)), ("LOGO 6-grams", logo_rows(batch, strings, 6))]
    if options.bpe:
        groups.append(("BPE", bpe_rows(batch, strings, options.bpe)))
    figures = []
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    print(f"{options.rows} x {options.length} nt, 1 thread, {machine}")
    for group, rows in groups:
        print(f"\n{group:<56}{'min':>9}{'median':>9}{'max':>9}  Mbp/s")
        expected = None
        for name, action, ids in rows:
            found = ids(action())
            if expected is None:
                expected = found
            if found != expected:
                raise SystemExit(f"{name}: gives other ids")
            speeds = [
                batch.codes.size / seconds / 1e6 for seconds in measure(action, options.runs, options.seconds)
            ]
            print(f"{name:<56}" + "".join(f"{speed:>9.2f}" for speed in speeds), flush=True)
            figures.append(
                {
                    "group": group,
                    "name": name,
                    "mbp_per_s": dict(zip(("min", "median", "max"), speeds, strict=True)),
                }
            )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
