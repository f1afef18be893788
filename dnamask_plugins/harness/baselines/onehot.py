"""Floor: logistic regression on which letter, and which short k-mer, is at which position."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from dnamask_plugins.harness.baselines.fit import Fitted, Progress
from dnamask_plugins.harness.baselines.linear import MAX_ITERATIONS, choose_and_fit
from dnamask_plugins.harness.trial_rows import TrialRows
from dnamask_plugins.nucleotides import CODE_OF_BYTE
from dnamask_plugins.tasks.data import LabelledData

TITLE: Final = "one-hot"
VARIES: Final = False
LONGEST: Final = 3
PENALTIES: Final = (0.0001, 0.001, 0.01, 0.1)
SETTINGS: Final[Mapping[str, Any]] = {
    "version": 1,
    "longest": LONGEST,
    "C": list(PENALTIES),
    "max_iter": MAX_ITERATIONS,
}


def fit(rows: TrialRows[LabelledData], seed: int, progress: Progress | None = None) -> Fitted:
    """Take letters, then 2-mers and 3-mers too, by place; dev chooses. See `fit_baseline`."""
    names = {1: "letters", 2: "letters, 2-mers", 3: "letters, 2-mers, 3-mers"}
    features = {names[k]: functools.partial(by_place, longest=k) for k in range(1, LONGEST + 1)}
    return choose_and_fit(rows, features, PENALTIES, seed, progress)


def by_place(splits: Sequence[LabelledData], longest: int) -> list[Any]:
    """Turn sequences into one column per place and k-mer, for k up to `longest`.

    Places are counted from the start; those after the longest row of the first split are left out, and so
    are k-mers with another letter than A, C, G, T.

    Returns
    -------
    list of float32 CSR matrix, shape (rows, columns)
    """
    sides = ("sequences",) if splits[0].partners is None else ("sequences", "partners")
    parts = []
    for side in sides:
        width = max(map(len, getattr(splits[0], side)))
        parts.append([_columns(letters(getattr(split, side), width), longest) for split in splits])
    return [hstack(matrices, format="csr") for matrices in zip(*parts, strict=True)]


def letters(sequences: Sequence[str], width: int) -> NDArray[np.int64]:
    """Return the code of each letter, shape (n, width); A, C, G, T are 0 to 3, 4 is another or none.

    Examples
    --------
    >>> letters(["ACGTN", "TT"], 5).tolist()
    [[0, 1, 2, 3, 4], [3, 3, 4, 4, 4]]
    """
    text = "".join(sequence[:width].ljust(width, "N") for sequence in sequences).encode("ascii")
    codes = CODE_OF_BYTE[np.frombuffer(text, np.uint8)].reshape(len(sequences), width)
    return np.minimum(codes.astype(np.int64), 4)


def _columns(codes: NDArray[np.int64], longest: int) -> Any:
    rows, width = codes.shape
    blocks = []
    word, known = np.zeros_like(codes), np.ones(codes.shape, dtype=bool)
    for k in range(1, min(longest, width) + 1):
        places = width - k + 1
        word = word[:, :places] * 4 + codes[:, k - 1 :]
        known = known[:, :places] & (codes[:, k - 1 :] < 4)
        columns = (word + np.arange(places) * 4**k)[known]
        starts = np.concatenate([[0], np.cumsum(known.sum(axis=1))])
        ones = np.ones(columns.size, dtype=np.float32)
        blocks.append(csr_matrix((ones, columns, starts), shape=(rows, places * 4**k)))
    return hstack(blocks, format="csr")
