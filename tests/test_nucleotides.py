"""Letters and codes."""

from __future__ import annotations

import numpy as np
import pytest

from dnamask_plugins.npmi.counting import kmer_names
from dnamask_plugins.nucleotides import encode_letters, kmer_codes, reverse_complement


def test_reverse_complement_keeps_iupac_and_case():
    assert reverse_complement("ACGTRYKMBVDHSWN") == "NWSDHBVKMRYACGT"
    assert reverse_complement("acgtN") == "Nacgt"
    assert reverse_complement(reverse_complement("GATTACANR")) == "GATTACANR"


@pytest.mark.parametrize("k", [1, 3, 6])
def test_kmer_codes_are_places_in_the_alphabetical_list(k: int):
    text = "".join(np.random.default_rng(k).choice(list("ACGTN"), 80, p=[0.24, 0.24, 0.24, 0.24, 0.04]))
    names, codes = list(kmer_names(k)), kmer_codes(encode_letters(text)[0], k)
    windows = [text[start : start + k] for start in range(len(text) - k + 1)]
    assert [names[code] if code >= 0 else None for code in codes.tolist()] == [
        None if "N" in window else window for window in windows
    ]


def test_padding_is_no_letter_and_short_rows_have_no_window():
    rows = np.array([[0, 1, 2, 255], [3, 3, 3, 3]], dtype=np.uint8)
    assert kmer_codes(rows, 3).tolist() == [[6, -1], [63, 63]]
    assert kmer_codes(rows, 5).shape == (2, 0)
