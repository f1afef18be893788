"""NPMI of genes that occur in the same cells."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def cooccurrence_npmi(
    cells: Iterable[NDArray[np.int64]], vocab_size: int, least: int = 5
) -> NDArray[np.float64]:
    """Return the NPMI of each pair of ids over cells.

    NPMI(g, h) = ln(p(g, h) / (p(g) p(h))) / -ln p(g, h), with p the share of cells in which both occur
    (Bouma 2009): 1 for genes that are only seen together, 0 for independent ones.

    Parameters
    ----------
    cells : iterable of int64 arrays
        The ids of the genes of each cell, without special tokens.
    vocab_size : int
    least : int
        Pairs seen in fewer cells have no score.

    Returns
    -------
    float64 array, shape (vocab_size, vocab_size)
        Symmetric; NaN on the diagonal and where there is no score.

    Examples
    --------
    >>> cells = [np.array([0, 1]), np.array([0, 1]), np.array([2]), np.array([2])]
    >>> float(cooccurrence_npmi(cells, 3, least=1)[0, 1])
    1.0
    """
    rows = [np.isin(np.arange(vocab_size), cell) for cell in cells]
    present = np.array(rows, dtype=np.float64).reshape(len(rows), vocab_size)
    together = present.T @ present
    share = together / max(len(rows), 1)
    single = np.diag(share)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.log(share / (single[:, None] * single[None, :])) / -np.log(share)
    scores[together < least] = np.nan
    # In every cell together: as associated as can be, though the formula is 0 / 0 there.
    scores[share == 1] = 1.0
    np.fill_diagonal(scores, np.nan)
    return scores
