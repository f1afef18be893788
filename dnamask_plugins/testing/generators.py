"""Hypothesis strategies for plugin tests: sequences as they come, and batches of them in any layout."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from dnamask_plugins.testing.samples import LAYOUTS, lay_out
from dnamask_plugins.types import TokenBatch

LETTERS = "ACGTacgtNnURYSWKMBDHV"


def sequences(longest: int = 60) -> st.SearchStrategy[str]:
    """Generate sequences with lower case, N, U and IUPAC letters; the empty one too."""
    plain = st.text(alphabet="ACGT", max_size=longest)
    return plain | st.text(alphabet=LETTERS, max_size=longest)


@st.composite
def batches(draw: Any, longest: int = 60, most: int = 4) -> TokenBatch:
    """Generate batches of 1 to `most` sequences, tokenized in one of the kit's layouts.

    Examples
    --------
    In a plugin's own tests::

        @given(batches())
        def test_no_site_is_cut(batch): ...
    """
    texts = draw(st.lists(sequences(longest), min_size=1, max_size=most))
    return lay_out([text.upper().replace("U", "T") for text in texts], draw(st.sampled_from(LAYOUTS)))
