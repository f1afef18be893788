"""Labelled sequences: one split of a task, and random parts of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import InputError


@dataclass(frozen=True, eq=False)
class LabelledData:
    """One split of one task.

    Attributes
    ----------
    path : Path
        The file.
    sha256 : str
        Of the uncompressed bytes.
    sequences : tuple of str
        Upper case; the first of each row.
    partners : tuple of str, or None
        The second of each row, for pairs.
    labels : array
        int64 (n,) classes; float64 (n,) of a regression; int64 (n, labels) of 0 and 1 of several labels.
    """

    path: Path
    sha256: str
    sequences: tuple[str, ...]
    partners: tuple[str, ...] | None
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.sequences)

    def take(self, rows: NDArray[np.intp]) -> LabelledData:
        """Return some of the rows, in the order given."""
        chosen = rows.tolist()
        partners = None if self.partners is None else tuple(self.partners[row] for row in chosen)
        return LabelledData(
            self.path, self.sha256, tuple(self.sequences[row] for row in chosen), partners, self.labels[rows]
        )


def draw_shots(data: LabelledData, shots: int, seed: int) -> LabelledData:
    """Take `shots` rows of each class, drawn with a seed; all rows where there are no more than that.

    Raises
    ------
    InputError
        A class has fewer rows.
    """
    generator = np.random.default_rng([seed, shots])
    chosen = []
    for label in np.unique(data.labels):
        rows = np.flatnonzero(data.labels == label)
        if rows.size < shots:
            raise InputError(
                f"{data.path}: class {label} has {rows.size} rows, but {shots} shots need {shots}"
            )
        chosen.append(rows if rows.size == shots else generator.choice(rows, shots, replace=False))
    return data.take(np.sort(np.concatenate(chosen)))


def limit_rows(data: LabelledData, rows: int | None, seed: int) -> LabelledData:
    """Take a random part of the rows, drawn with a seed; all of them when there are no more."""
    if rows is None or len(data) <= rows:
        return data
    return data.take(np.sort(np.random.default_rng(seed).choice(len(data), rows, replace=False)))
