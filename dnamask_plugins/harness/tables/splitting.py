"""Splits that do not leak: rows that belong together are never on two sides."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.nucleotides import reverse_complement
from dnamask_plugins.tasks import SPLITS
from dnamask_plugins.tasks.metrics import Kind

_BINS: Final = 10
_RARE: Final = 10
"""Combinations of labels in fewer rows than this are one stratum."""


def same_sequence(sequences: Sequence[str], partners: Sequence[str] | None = None) -> list[Hashable]:
    """Return one key per row, equal for equal sequences and for the two strands of one.

    Examples
    --------
    >>> same_sequence(["AACG", "CGTT", "AAAA"])
    ['AACG', 'AACG', 'AAAA']
    """
    if partners is None:
        return [min(text, reverse_complement(text)) for text in sequences]
    rows = zip(sequences, partners, strict=True)
    return [min((one, other), (reverse_complement(one), reverse_complement(other))) for one, other in rows]


def group_rows(
    count: int, keys: Iterable[Sequence[Hashable]], pairs: Iterable[Any] = ()
) -> NDArray[np.int64]:
    """Give one number to all rows that have to stay together.

    Parameters
    ----------
    count : int
        Rows.
    keys : iterable of sequences
        Rows with an equal key belong together, for each of the sequences of keys.
    pairs : iterable of (n, 2) int arrays
        Rows that belong together besides.

    Returns
    -------
    int64 array, shape (count,)
        Connected rows have one number.

    Examples
    --------
    >>> group_rows(4, [["a", "a", "b", "c"], [1, 2, 2, 3]]).tolist()
    [0, 0, 0, 1]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = [np.asarray(each, dtype=np.int64).reshape(-1, 2) for each in pairs]
    for values in keys:
        first: dict[Hashable, int] = {}
        edges.append(np.array([(first.setdefault(value, row), row) for row, value in enumerate(values)]))
    joined = np.concatenate(edges) if edges else np.zeros((0, 2), dtype=np.int64)
    graph = coo_matrix((np.ones(len(joined), dtype=bool), (joined[:, 0], joined[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def overlapping(chromosomes: Sequence[str], starts: Sequence[int], ends: Sequence[int]) -> NDArray[np.int64]:
    """Return pairs of rows whose places on a genome overlap (ends are exclusive), shape (n, 2).

    Examples
    --------
    >>> overlapping(["1", "1", "2"], [0, 5, 5], [10, 20, 9]).tolist()
    [[0, 1]]
    """
    order = sorted(range(len(starts)), key=lambda row: (chromosomes[row], starts[row]))
    pairs, reach = [], order[0] if order else 0
    for before, row in itertools.pairwise(order):
        if chromosomes[before] != chromosomes[row]:
            reach = row
        elif starts[row] < ends[reach]:
            pairs.append((reach, row))
        if ends[row] > ends[reach]:
            reach = row
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def strata_of(values: NDArray[Any], kind: Kind) -> NDArray[np.int64]:
    """Return what every split shall hold alike: classes, tenths of a quantity, combinations of labels."""
    if kind == "regression":
        bins = max(1, min(_BINS, len(values) // _RARE))
        ranks = values.argsort(kind="stable").argsort(kind="stable")
        return np.asarray(ranks * bins // len(values), dtype=np.int64)
    rows = values if values.ndim == 2 else values[:, None]
    _, numbers, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    numbers = numbers.reshape(-1)
    if kind == "multi_label":
        numbers = np.unique(np.where(counts[numbers] < _RARE, len(counts), numbers), return_inverse=True)[1]
    return np.asarray(numbers, dtype=np.int64)


def divide(
    groups: NDArray[np.int64], strata: NDArray[np.int64], shares: Mapping[str, float], seed: int
) -> NDArray[np.str_]:
    """Put whole groups into splits so that each gets its share of every stratum.

    Groups come in a random order, large ones first; each goes where most is missing of what it holds.

    Parameters
    ----------
    groups, strata : int64 array, shape (n,)
        Numbers from 0.
    shares : mapping of str to float
        Split to its share of the rows; the shares add up to 1.
    seed : int

    Returns
    -------
    str array, shape (n,)

    Raises
    ------
    InputError
        There are fewer groups than splits.

    Examples
    --------
    >>> divide(np.array([0, 0, 1, 2]), np.zeros(4, dtype=int), {"train": 0.5, "test": 0.5}, 0).tolist()
    ['train', 'train', 'test', 'test']
    """
    names = list(shares)
    count = int(groups.max()) + 1
    if count < len(names):
        raise InputError(
            f"the rows form {count} group{'s' * (count != 1)} that must stay together, too few for "
            f"{', '.join(names)}; split by another column, or give files of their own"
        )
    held = np.zeros((count, int(strata.max()) + 1))
    np.add.at(held, (groups, strata), 1)
    missing = np.array(list(shares.values()))[:, None] * held.sum(axis=0)
    shuffled = np.random.default_rng(seed).permutation(count)
    order = shuffled[np.argsort(-held[shuffled].sum(axis=1), kind="stable")]
    side = np.zeros(count, dtype=np.int64)
    empty = set(range(len(names)))
    for place, group in enumerate(order.tolist()):
        allowed = sorted(empty) if count - place <= len(empty) else range(len(names))
        gains = missing @ held[group]
        chosen = max(allowed, key=lambda number: float(gains[number]))
        missing[chosen] -= held[group]
        empty.discard(chosen)
        side[group] = chosen
    return np.array(names)[side[groups]]


def by_values(values: Sequence[Any], wanted: Mapping[str, Sequence[str]], column: str) -> NDArray[np.str_]:
    """Put rows into dev and test by the values of a column; the others are train.

    Raises
    ------
    ConfigError
        A value does not occur, or nothing is left for train.
    """
    texts = np.array([str(value) for value in values], dtype=object)
    split = np.full(len(texts), "train", dtype="<U5")
    for name in SPLITS[1:]:
        for value in wanted.get(name, ()):
            rows = texts == value
            if not rows.any():
                known = ", ".join(sorted(set(texts.tolist()))[:8])
                raise ConfigError(f"column '{column}' never holds '{value}'; it holds {known}")
            split[rows] = name
    if not (split == "train").any():
        raise ConfigError(f"every value of '{column}' is in dev or test; leave some for train")
    return split
