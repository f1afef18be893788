"""Rows that are nearly the same sequence: pairs that share most of their k-mers, on either strand, exactly.

A sparse matrix product counts shared k-mers of all pairs at once and misses nothing. Beside a MinHash index
it was faster on two sets of fine-tuning size, and slower on one of 500 letters: docs/how-to/own-data.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.nucleotides import CODE_OF_BYTE

K: Final = 12
_BLOCK: Final = 2048
_EVERYWHERE: Final = 2000
"""A k-mer of more rows than this (a microsatellite) tells nothing and would cost the square of its rows."""


def similar_pairs(
    sequences: Sequence[str], share: float, progress: Callable[[int], Any] | None = None
) -> NDArray[np.int64]:
    """Find the pairs of rows of which the shorter shares so many of its 12-mers with the other.

    Parameters
    ----------
    sequences : sequence of str
    share : float
        From 0 to 1, of the 12-mers (either strand) of the row that has fewer.
    progress : callable, optional
        Called with the number of rows just done.

    Returns
    -------
    int64 array, shape (pairs, 2)

    Examples
    --------
    >>> window = "ACGTTGCAACCGGTTAACGTAGCTAGGATCCA"
    >>> other = "TTTTTTTTTTCCCCCCCCCCGGGGGAAAAATCT"
    >>> similar_pairs([window, other, window[4:] + "TTGA"], 0.6).tolist()
    [[0, 2]]
    """
    matrix, sizes = _kmer_sets(sequences)
    turned = matrix.T.tocsr()
    found = []
    for start in range(0, len(sequences), _BLOCK):
        shared = (matrix[start : start + _BLOCK] @ turned).tocoo()
        one, other = shared.row + start, shared.col
        enough = shared.data >= share * np.minimum(sizes[one], sizes[other])
        keep = enough & (one < other)
        found.append(np.stack([one[keep], other[keep]], axis=1))
        if progress is not None:
            progress(min(_BLOCK, len(sequences) - start))
    return np.concatenate(found).astype(np.int64)


def _kmer_sets(sequences: Sequence[str]) -> tuple[Any, NDArray[np.int64]]:
    """Return the canonical k-mers of each row as a 0/1 matrix, and how many each row has."""
    from scipy.sparse import csr_matrix

    text = "N".join(sequences).encode("ascii")
    codes = np.minimum(CODE_OF_BYTE[np.frombuffer(text, np.uint8)], 4).astype(np.int64)
    ends = np.cumsum([len(sequence) + 1 for sequence in sequences])
    places = max(0, codes.size - K + 1)
    forward, backward = np.zeros(places, dtype=np.int64), np.zeros(places, dtype=np.int64)
    known = np.ones(places, dtype=bool)
    for offset in range(K):
        letter = codes[offset : offset + places]
        known &= letter < 4
        forward = forward * 4 + letter
        backward += (3 - letter) << (2 * offset)
    rows = np.searchsorted(ends, np.arange(places), side="right")[known]
    kmers, columns, counts = np.unique(
        np.minimum(forward, backward)[known], return_inverse=True, return_counts=True
    )
    entries = np.unique(rows * max(kmers.size, 1) + columns.reshape(-1))
    rows, columns = np.divmod(entries, max(kmers.size, 1))
    sizes = np.bincount(rows, minlength=len(sequences))
    keep = (counts[columns] > 1) & (counts[columns] <= _EVERYWHERE)
    ones = np.ones(int(keep.sum()), dtype=np.int32)
    shape = (len(sequences), max(kmers.size, 1))
    return csr_matrix((ones, (rows[keep], columns[keep])), shape=shape), sizes
