"""What is wrong with a data set: duplicates, leaks across splits on either strand, contradicting labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.nucleotides import reverse_complement
from dnamask_plugins.tasks.data import LabelledData, TaskData

_BETWEEN: Final = "|"

Label = Any
"""A class, a number, or the zeros and ones of a row."""

Key = str
"""Identity of a row: its sequence, or both of a pair."""


@dataclass(frozen=True)
class SplitAudit:
    """One split on its own.

    Attributes
    ----------
    rows : int
    sha256 : str
    as_published : bool or None
        Whether the hash is the known one; None where none is known.
    classes : dict of str to int
        Rows of each label; empty for a regression.
    shortest, median, longest : int
        Nucleotides (of the longer sequence of a pair).
    other_letters : dict of str to int
        Letters besides A, C, G, T.
    duplicate_rows : int
        Rows whose sequence occurs earlier in the split.
    contradicting_sequences : int
        Sequences that occur there with several labels.
    """

    rows: int
    sha256: str
    as_published: bool | None
    classes: Mapping[str, int]
    shortest: int
    median: int
    longest: int
    other_letters: Mapping[str, int]
    duplicate_rows: int
    contradicting_sequences: int


@dataclass(frozen=True)
class OverlapAudit:
    """Sequences of one split that also occur in another.

    Attributes
    ----------
    split, within : str
        Sequences of `split` that occur in `within`.
    sequences, rows : int
        Distinct sequences, and rows of `split`.
    other_label : int
        Sequences whose labels in the two splits have nothing in common.
    reverse_complements, reverse_complement_rows : int
        The same for sequences that occur there on the other strand only.
    """

    split: str
    within: str
    sequences: int
    rows: int
    other_label: int
    reverse_complements: int
    reverse_complement_rows: int


@dataclass(frozen=True)
class CorpusAudit:
    """Sequences of a split that occur in a pretraining corpus, on either strand."""

    split: str
    rows: int
    searched: int
    by_class: Mapping[str, int]
    fraction_by_class: Mapping[str, float]


@dataclass(frozen=True)
class CorpusFindings:
    """What a corpus of so many nucleotides holds of a task, by split."""

    splits: tuple[CorpusAudit, ...]
    nucleotides: int


@dataclass(frozen=True)
class TaskAudit:
    """All findings about one task; plain JSON through `to_json`."""

    task: str
    splits: Mapping[str, SplitAudit]
    overlaps: tuple[OverlapAudit, ...]
    leaked_test_rows: int
    corpus: tuple[CorpusAudit, ...] = ()
    corpus_nucleotides: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the findings as plain JSON."""
        return asdict(self)


def audit_task(
    data: TaskData, corpus: CorpusFindings | None = None, leaked: NDArray[np.bool_] | None = None
) -> TaskAudit:
    """Audit every split of a task, and what they share.

    Parameters
    ----------
    data : TaskData
    corpus : CorpusFindings, optional
        What `search_corpus` found for this task.
    leaked : bool array, optional
        What `leaked_rows` gave, where it is known already.

    Returns
    -------
    TaskAudit
    """
    splits = data.splits
    labels = {name: _labels_of(split) for name, split in splits.items()}
    pairs = [(one, other) for one, other in (("dev", "train"), ("test", "train"), ("test", "dev"))]
    return TaskAudit(
        data.task.name,
        {name: _split(split, labels[name], data.task.sha256.get(name)) for name, split in splits.items()},
        tuple(
            _overlap(one, other, splits[one], labels[one], labels[other])
            for one, other in pairs
            if one in splits and other in splits
        ),
        int((leaked_rows(data) if leaked is None else leaked).sum()),
        () if corpus is None else corpus.splits,
        None if corpus is None else corpus.nucleotides,
    )


def search_corpus(
    tasks: Sequence[TaskData], corpus: Sequence[Path], progress: Callable[[int], Any] | None = None
) -> dict[str, CorpusFindings]:
    """Find which sequences of some tasks occur in a corpus, on either strand, in one pass over it.

    A row with a pair of sequences is judged by the first one.

    Parameters
    ----------
    tasks : sequence of TaskData
    corpus : sequence of Path
        FASTA files.
    progress : callable, optional
        Called with the number of corpus nucleotides just read.

    Returns
    -------
    dict of str to CorpusFindings
        By task; empty where no corpus is given.
    """
    if not corpus:
        return {}
    from dnamask_plugins.corpus.occurrence import find_occurrences

    place: dict[str, int] = {}
    for data in tasks:
        for split in data.splits.values():
            for text in split.sequences:
                place.setdefault(text, len(place))
    result = find_occurrences(list(place), corpus, progress)
    findings = {}
    for data in tasks:
        audits = []
        for name, split in data.splits.items():
            rows = np.array([place[text] for text in split.sequences])
            audits.append(_corpus_audit(name, split, result.found[rows], result.searchable[rows]))
        findings[data.task.name] = CorpusFindings(tuple(audits), result.nucleotides)
    return findings


def leaked_rows(data: TaskData) -> NDArray[np.bool_]:
    """Mark the test rows whose sequence occurs in train or dev, on either strand; shape (test rows,)."""
    seen: set[Key] = set()
    for split in (data.train, data.dev):
        if split is not None:
            seen.update(_keys(split))
    return np.array([key in seen or _reverse_complement(key) in seen for key in _keys(data.test)], dtype=bool)


def _keys(data: LabelledData) -> Iterator[Key]:
    if data.partners is None:
        return iter(data.sequences)
    return (one + _BETWEEN + other for one, other in zip(data.sequences, data.partners, strict=True))


def _reverse_complement(key: Key) -> Key:
    return _BETWEEN.join(reverse_complement(part) for part in key.split(_BETWEEN))


def _labels_of(data: LabelledData) -> dict[Key, set[Label]]:
    found: dict[Key, set[Label]] = defaultdict(set)
    for key, label in zip(_keys(data), data.labels.tolist(), strict=True):
        found[key].add(tuple(label) if isinstance(label, list) else label)
    return found


def _split(data: LabelledData, labels: Mapping[Key, set[Label]], published: str | None) -> SplitAudit:
    lengths = [max(map(len, key.split(_BETWEEN))) for key in _keys(data)]
    letters: Counter[str] = Counter()
    for key in labels:
        if key.strip("ACGT"):
            letters.update(key)
    return SplitAudit(
        rows=len(data),
        sha256=data.sha256,
        as_published=None if published is None else published == data.sha256,
        classes={str(label): int(rows.sum()) for label, rows in _rows_by_label(data)},
        shortest=min(lengths),
        median=int(np.median(lengths)),
        longest=max(lengths),
        other_letters={
            letter: count for letter, count in sorted(letters.items()) if letter not in f"ACGT{_BETWEEN}"
        },
        duplicate_rows=len(data) - len(labels),
        contradicting_sequences=sum(len(several) > 1 for several in labels.values()),
    )


def _overlap(
    split: str,
    within: str,
    data: LabelledData,
    own: Mapping[Key, set[Label]],
    other: Mapping[Key, set[Label]],
) -> OverlapAudit:
    direct = {key for key in own if key in other}
    turned = {key for key in own if key not in other and _reverse_complement(key) in other}
    keys = list(_keys(data))
    return OverlapAudit(
        split=split,
        within=within,
        sequences=len(direct),
        rows=sum(key in direct for key in keys),
        other_label=sum(not own[key] & other[key] for key in direct),
        reverse_complements=len(turned),
        reverse_complement_rows=sum(key in turned for key in keys),
    )


def _rows_by_label(data: LabelledData) -> list[tuple[Label, NDArray[np.bool_]]]:
    """Return each class, or each of several labels, with the rows that have it."""
    if data.labels.ndim == 2:
        return [(number, column == 1) for number, column in enumerate(data.labels.T)]
    if np.issubdtype(data.labels.dtype, np.floating):
        return []
    return [(label, data.labels == label) for label in np.unique(data.labels).tolist()]


def _corpus_audit(
    name: str, data: LabelledData, found: NDArray[np.bool_], searchable: NDArray[np.bool_]
) -> CorpusAudit:
    classes = _rows_by_label(data)
    return CorpusAudit(
        split=name,
        rows=int(found.sum()),
        searched=int(searchable.sum()),
        by_class={str(label): int(found[rows].sum()) for label, rows in classes},
        fraction_by_class={str(label): float(found[rows].mean()) for label, rows in classes if rows.any()},
    )
