"""Batches that the checks use: real layouts of tokens over made-up sequences, the same in every run."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.kinds import SINGULAR
from dnamask_plugins.nucleotides import PADDING
from dnamask_plugins.plugins import create, load
from dnamask_plugins.protocols import ScoreTable
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.building import build_strategy
from dnamask_plugins.testing.tasks import Suite
from dnamask_plugins.tokenizers.base import pad_encodings
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer
from dnamask_plugins.types import Encoding, NucleotideBatch, TokenBatch

LAYOUTS = ("6-mers", "letters", "pieces")
"""Overlapping, one token a nucleotide, and consecutive tokens of one to eight nucleotides as in BPE."""


@functools.cache
def sequences(count: int = 40, shortest: int = 30, longest: int = 220) -> tuple[str, ...]:
    """Return random sequences of A, C, G, T of mixed length; every eighth has a run of N."""
    rng = np.random.default_rng(20240814)
    found = []
    for row in range(count):
        letters = rng.choice(list("ACGT"), size=int(rng.integers(shortest, longest + 1)))
        if row % 8 == 7:
            start = int(rng.integers(0, letters.size - 8))
            letters[start : start + 5] = "N"
        found.append("".join(letters))
    return tuple(found)


def lay_out(texts: list[str] | tuple[str, ...], layout: str) -> TokenBatch:
    """Tokenize sequences in one of the `LAYOUTS`."""
    if layout == "6-mers":
        return KmerTokenizer(6).encode_batch(texts)
    if layout == "letters":
        return NucleotideTokenizer().encode_batch(texts)
    batch = NucleotideBatch.from_strings(texts)
    return pad_encodings([_pieces(text) for text in texts], batch, pad_token_id=3)


def _pieces(text: str) -> Encoding:
    """Cut a sequence into consecutive pieces; where depends on the letters, as with a learned vocabulary."""
    offsets, start = [(0, 0)], 0
    while start < len(text):
        size = 1 + sum(map(ord, text[start : start + 2])) * 7 % 8
        offsets.append((start, min(start + size, len(text))))
        start = offsets[-1][1]
    offsets.append((0, 0))
    ids = [1, *(5 + sum(map(ord, text[a:b])) % 4000 for a, b in offsets[1:-1]), 2]
    special = [True, *("N" in text[a:b] for a, b in offsets[1:-1]), True]
    return Encoding(np.array(ids), np.array(offsets, dtype=np.int32), np.array(special))


@functools.cache
def batch(layout: str) -> TokenBatch:
    """Return the standard batch of a layout; callers must not change it (see `copy_of`)."""
    return lay_out(sequences(), layout)


def copy_of(original: TokenBatch) -> TokenBatch:
    """Return a batch with arrays of its own."""
    return replace(
        original,
        **{name: getattr(original, name).copy() for name in ARRAYS if getattr(original, name) is not None},
    )


ARRAYS = (
    "input_ids",
    "offsets",
    "special_tokens_mask",
    "attention_mask",
    "nucleotides",
    "lengths",
    "weights",
)
"""The array fields of a `TokenBatch`."""


@functools.cache
def score_table() -> ScoreTable:
    """Return a made-up table of 3-mers in which most have a score, for strategies that need one."""
    rng = np.random.default_rng(20240814)
    scores = rng.normal(size=64)
    scores[::9] = np.nan
    return SimpleNamespace(k=3, scores=scores)


def build(kind: str, config: Mapping[str, Any]) -> Any:
    """Build a plugin to be examined; a strategy that needs a table and has none gets `score_table`."""
    if kind == "strategies":
        return build_strategy(config, score_table())
    if kind in ("backbones", "tasks"):
        given = sorted(set(config) - {"name"})
        if given:
            raise ConfigError(f"a {SINGULAR[kind]} has no parameters; leave --set {given[0]} out")
        loaded = load(kind, config["name"])
        return Suite(config["name"], loaded) if kind == "tasks" else loaded
    return create(kind, config)


def key_for(rows: int, step: int = 0) -> RngKey:
    """Return the key of a batch of so many examples."""
    return RngKey.from_step(1, step, np.arange(rows))


def widen(original: TokenBatch, tokens: int, nucleotides: int) -> TokenBatch:
    """Return the batch with more padding on the right."""

    def pad(array: np.ndarray, by: int, value: int) -> np.ndarray:
        width = [(0, 0), (0, by)] + [(0, 0)] * (array.ndim - 2)
        return np.pad(array, width, constant_values=value)

    weights = original.weights
    return replace(
        original,
        input_ids=pad(original.input_ids, tokens, 0),
        offsets=pad(original.offsets, tokens, 0),
        special_tokens_mask=pad(original.special_tokens_mask, tokens, True),
        attention_mask=pad(original.attention_mask, tokens, False),
        nucleotides=pad(original.nucleotides, nucleotides, PADDING),
        weights=None if weights is None else pad(weights, nucleotides, 0),
    )
