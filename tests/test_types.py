"""Rows of a batch: the same as an index into every array, copied when they are read."""

from __future__ import annotations

import copy
import pickle
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.types import TokenBatch

BATCH = KmerTokenizer(3).encode_batch(["ACGTAC", "TTTNGA", "GGG", "ACACACAC"])
WEIGHTED = BATCH.with_weights(np.linspace(0, 1, 32, dtype=np.float32).reshape(4, 8))


def assert_rows(chosen: TokenBatch, whole: TokenBatch, rows: Any) -> None:
    assert len(chosen) == len(whole.lengths[rows])
    assert chosen.shape == whole.input_ids[rows].shape
    for field in fields(TokenBatch):
        expected, found = getattr(whole, field.name), getattr(chosen, field.name)
        assert (expected is None and found is None) or (expected[rows] == found).all()


@settings(deadline=None)
@given(
    st.one_of(
        st.lists(st.integers(-4, 3), max_size=6).map(lambda rows: np.array(rows, dtype=np.intp)),
        st.lists(st.booleans(), min_size=4, max_size=4).map(np.array),
        st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda ends: slice(*ends)),
    ),
    st.booleans(),
)
def test_rows_are_those_of_every_array(rows: Any, weighted: bool) -> None:
    whole = WEIGHTED if weighted else BATCH
    assert_rows(whole[rows], whole, rows)
    whole, numbers = whole[rows].origin
    assert (whole.lengths[numbers] == BATCH.lengths[rows]).all()


def test_rows_of_rows() -> None:
    odd = WEIGHTED[np.array([3, 1])]
    assert_rows(odd[np.array([1])], WEIGHTED, np.array([1]))
    assert_rows(odd[:1], WEIGHTED, np.array([3]))
    assert_rows(odd[np.array([True, False])], WEIGHTED, np.array([3]))


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b)), replace]
)
def test_chosen_rows_can_be_copied(again: Any) -> None:
    assert_rows(again(WEIGHTED[np.array([2, 0])]), WEIGHTED, np.array([2, 0]))


def test_a_row_that_is_not_there_and_a_name_that_is_not() -> None:
    with pytest.raises(IndexError):
        BATCH[np.array([4])]
    with pytest.raises(AttributeError, match="'TokenBatch' object has no attribute 'ids'"):
        BATCH[np.array([0])].ids  # type: ignore[attr-defined]  # noqa: B018
