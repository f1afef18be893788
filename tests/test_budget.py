"""Budgets, and what a mask truly hides, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.budget import (
    Budget,
    hidden_nucleotides,
    hidden_rate,
    maskable_tokens,
    shown_nucleotides,
    token_rate,
)
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.types import TokenBatch


@pytest.mark.parametrize(
    "settings", [{"rate": -0.1}, {"rate": 1.2}, {"rate": 0.1, "per": "row"}, {"rate": 0.1, "draw": "x"}]
)
def test_refused(settings):
    with pytest.raises(ConfigError):
        Budget(**settings)


@pytest.mark.parametrize("rate", [0, 0.15, 1])
def test_accepted(rate):
    assert Budget(rate).rate == rate


@st.composite
def batches(draw):
    """Rows of tokens with any monotone offsets, gaps and overlaps, and a mask."""
    rows, width, letters = draw(st.integers(1, 4)), draw(st.integers(1, 8)), 20
    offsets = np.zeros((rows, width, 2), np.int32)
    special = np.ones((rows, width), bool)
    for row in range(rows):
        tokens = draw(st.integers(0, width))
        starts = sorted(draw(st.lists(st.integers(0, letters - 1), min_size=tokens, max_size=tokens)))
        stop = 0
        for column, start in enumerate(starts):
            stop = max(stop, min(letters, start + draw(st.integers(1, 6))))
            offsets[row, column] = start, stop
            special[row, column] = False
    mask = np.array(draw(st.lists(st.booleans(), min_size=rows * width, max_size=rows * width))).reshape(
        rows, width
    )
    codes = np.zeros((rows, letters), np.uint8)
    batch = TokenBatch(
        np.zeros((rows, width), np.int64), offsets, special, ~special, codes, np.full(rows, letters, np.int32)
    )
    return batch, mask & ~special


@settings(deadline=None)
@given(batches())
def test_hidden_is_what_no_visible_token_shows(drawn):
    batch, mask = drawn
    covered, visible = shown_nucleotides(mask, batch)
    hidden = hidden_nucleotides(mask, batch)
    for row in range(len(batch)):
        for nucleotide in range(20):
            tokens = [
                column
                for column, (start, stop) in enumerate(batch.offsets[row])
                if start <= nucleotide < stop and not batch.special_tokens_mask[row, column]
            ]
            assert covered[row, nucleotide] == bool(tokens)
            assert visible[row, nucleotide] == any(not mask[row, column] for column in tokens)
            assert hidden[row, nucleotide] == (bool(tokens) and all(mask[row, column] for column in tokens))


def test_rates():
    batch = KmerTokenizer(3).encode_batch(["ACGTACGT", "AC"])
    mask = np.zeros(batch.input_ids.shape, bool)
    mask[0, 2:5] = True  # tokens at 1, 2, 3: nucleotide 3 is in no other
    assert maskable_tokens(batch).tolist() == [6, 0]
    assert token_rate(mask, batch)[0] == 0.5
    assert hidden_rate(mask, batch)[0] == 1 / 8
    assert np.isnan(token_rate(mask, batch)[1])
    assert np.isnan(hidden_rate(mask, batch)[1])
