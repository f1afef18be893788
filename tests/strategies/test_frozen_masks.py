"""Masks of fixed keys, frozen on disk: a change of any stream is noticed.

Run this file as a program to freeze them anew, after a change that is meant to change masks.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dnamask_plugins.budget import Budget
from dnamask_plugins.corruption import Corruption
from dnamask_plugins.packing import select_packed
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.base import NucleotideStrategy
from dnamask_plugins.strategies.genemask import GeneMask
from dnamask_plugins.strategies.global_npmi import GlobalNpmi
from dnamask_plugins.strategies.mixture import Mixture
from dnamask_plugins.strategies.random_token import RandomToken
from dnamask_plugins.strategies.reverse_complement import ReverseComplement
from dnamask_plugins.strategies.span import Span
from dnamask_plugins.tokenizers.kmer import KmerTokenizer

FROZEN = Path(__file__).with_name("golden") / "masks.json"


class Blocks(NucleotideStrategy):
    name = "test.frozen_blocks"

    def units(self, sequence, rng):
        for start in rng.permutation(sequence.length - 4):
            yield start, start + 4


def letters(word: int, size: int) -> str:
    """Letters from SplitMix64, so that they do not depend on a version of NumPy."""
    numbers = RngKey(np.array([word], dtype=np.uint64)).uniform(size)[0]
    return "".join("ACGT"[int(4 * number)] for number in numbers)


def compute() -> dict[str, list[list[int]]]:
    codes = RngKey(np.array([77], dtype=np.uint64)).uniform(4096)[0]
    table = SimpleNamespace(k=6, scores=np.where(codes < 0.05, np.nan, np.floor(codes * 500) / 100))
    strategies = {
        "random_token": RandomToken(),
        "span": Span(),
        "span geometric": Span(length=4, geometric=True),
        "genemask": GeneMask(table),
        "global_npmi": GlobalNpmi(table),
        "global_npmi warm": GlobalNpmi(table, temperature=0.5),
        "mixture": Mixture([Span(length=3), GeneMask(table)], [1, 2]),
        "reverse_complement": ReverseComplement(GeneMask(table)),
        "base class": Blocks(),
    }
    texts = [letters(1, 120), letters(2, 60) + "NN" + letters(3, 30), letters(4, 25)]
    key = RngKey.from_step(2024, 500, [0, 1, 2**33])
    found = {}
    for k in (6, 1):
        batch = KmerTokenizer(k).encode_batch(texts)
        weights = np.ones(batch.nucleotides.shape, np.float32)
        weights[:, 10:40] = 0.3
        for name, strategy in strategies.items():
            for budget in (Budget(0.15), Budget(0.2, "nucleotide"), Budget(0.15, draw="bernoulli")):
                mask = strategy.select(batch, key, budget)
                found[f"{name}, k={k}, {budget.rate} {budget.per} {budget.draw}"] = listed(mask)
            found[f"{name}, k={k}, weighted"] = listed(
                strategy.select(batch.with_weights(weights), key, Budget(0.3))
            )
    batch = KmerTokenizer(6).encode_batch(texts)
    documents = np.where(batch.attention_mask, np.arange(batch.input_ids.shape[1]) // 50, -1)
    packed_key = RngKey.from_step(0, 0, range(int((documents.max(axis=1) + 1).sum())))
    found["packed"] = listed(select_packed(Span(), batch, documents, packed_key, Budget(0.15)))
    mask = Span().select(batch, key, Budget(0.3))
    found["corruption"] = Corruption.for_tokenizer(KmerTokenizer(6))(batch.input_ids, mask, key)[0].tolist()
    return found


def listed(mask) -> list[list[int]]:
    return [np.flatnonzero(row).tolist() for row in mask]


@pytest.fixture(scope="module")
def masks():
    return compute()


def test_masks_are_those_on_disk(masks):
    frozen = json.loads(FROZEN.read_text())
    assert sorted(frozen) == sorted(masks)
    assert [name for name, mask in frozen.items() if mask != masks[name]] == []


def test_they_are_worth_freezing(masks):
    assert sum(bool(row) for mask in masks.values() for row in mask) > 2 * len(masks)


if __name__ == "__main__":
    lines = [
        f"{json.dumps(name)}: {json.dumps(mask, separators=(',', ':'))}" for name, mask in compute().items()
    ]
    FROZEN.parent.mkdir(exist_ok=True)
    FROZEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
