"""Counts against a count by hand, letter by letter."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.corpus.fasta import pack
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.npmi.counting import (
    KmerCounter,
    both_strands,
    count_sequences,
    kmer_names,
    reverse_complement_index,
)
from dnamask_plugins.nucleotides import encode_letters

sequences = st.lists(st.text("ACGTNacgtn", max_size=60), min_size=1, max_size=5)


def by_hand(texts: list[str], length: int) -> dict[str, int]:
    windows = (
        text.upper()[start : start + length] for text in texts for start in range(len(text) - length + 1)
    )
    return dict(Counter(window for window in windows if set(window) <= set("ACGT")))


def as_dict(counts: np.ndarray, length: int) -> dict[str, int]:
    return {name: int(count) for name, count in zip(kmer_names(length), counts, strict=True) if count}


@settings(deadline=None)  # the first call compiles
@given(sequences, st.integers(1, 6))
def test_every_length_equals_a_count_by_hand(texts: list[str], k: int) -> None:
    counts = count_sequences(texts, k)
    assert sorted(counts) == list(range(1, k + 1))
    for length in counts:
        assert as_dict(counts[length], length) == by_hand(texts, length)


@settings(deadline=None)  # the first call compiles
@given(st.text("ACGTN", max_size=80), st.integers(1, 4), st.lists(st.integers(0, 80), max_size=6))
def test_pieces_of_any_size_count_like_the_whole(text: str, k: int, cuts: list[int]) -> None:
    codes, _ = encode_letters(text)
    counter = KmerCounter(k)
    for piece in np.split(codes, sorted(min(cut, codes.size) for cut in cuts)):
        counter.feed(piece)
    for length, expected in count_sequences([text], k).items():
        np.testing.assert_array_equal(counter.counts()[length], expected)


def test_soft_mask_bits_do_not_change_the_counts() -> None:
    codes, _ = encode_letters("ACGTNACG")
    counter = KmerCounter(3)
    counter.feed(pack(codes, np.ones(codes.size, dtype=bool)))
    np.testing.assert_array_equal(counter.counts()[3], count_sequences(["ACGTNACG"], 3)[3])


@settings(deadline=None)  # the first call compiles
@given(sequences)
def test_both_strands_are_the_strand_and_its_reverse_complement(texts: list[str]) -> None:
    turned = [text.upper().translate(str.maketrans("ACGT", "TGCA"))[::-1] for text in texts]
    both = both_strands(count_sequences(texts, 3))
    expected = count_sequences(texts + turned, 3)
    for length in expected:
        np.testing.assert_array_equal(both[length], expected[length])


def test_reverse_complement_index_names_the_reverse_complement() -> None:
    names = kmer_names(4)
    for code, other in enumerate(reverse_complement_index(4)):
        assert names[other] == names[code].translate(str.maketrans("ACGT", "TGCA"))[::-1]


@pytest.mark.parametrize("k", [0, -1, 13])
def test_impossible_k_is_refused(k: int) -> None:
    with pytest.raises(ConfigError, match=f"k = {k} is outside"):
        KmerCounter(k)
