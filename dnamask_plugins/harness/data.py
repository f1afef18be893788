"""Reading of evaluation data: the published folder layouts, checked row by row."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import InputError
from dnamask_plugins.nucleotides import CODE_OF_BYTE
from dnamask_plugins.tasks import SPLITS, Split, Task

csv.field_size_limit(1 << 28)

_MAX_CODE: Final = 4
_MOST_CLASSES: Final = 4096
_CANDIDATES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "gue": {split: (f"{split}.csv", f"{split}.csv.gz") for split in ("train", "dev", "test")},
    # CM-GEMS calls its test file dev.tsv; GeneMask keeps one test.tsv for all sizes.
    "fewshot": {
        "train": ("train.tsv", "train.tsv.gz"),
        "dev": (),
        "test": ("test.tsv", "../test.tsv", "dev.tsv", "../dev.tsv"),
    },
}


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


@dataclass(frozen=True, eq=False)
class TaskData:
    """All that a unit trains and tests on.

    Attributes
    ----------
    task : Task
    classes : int
        Number of classes, from the task or else from train; of labels; 1 for a regression.
    train, test : LabelledData
    dev : LabelledData or None
        None where the task has no dev split.
    dev_as_train : bool
        The train file was missing and dev stands in for it.
    """

    task: Task
    classes: int
    train: LabelledData
    dev: LabelledData | None
    test: LabelledData
    dev_as_train: bool = False

    @property
    def splits(self) -> dict[str, LabelledData]:
        """The files that were read; train is left out where dev stands in for it."""
        found = {"train": self.train, "dev": self.dev, "test": self.test}
        if self.dev_as_train:
            del found["train"]
        return {name: data for name, data in found.items() if data is not None}


def find_file(folder: Path, task: Task, split: Split) -> Path | None:
    """Return the file of a split below the suite's folder, or None where it is not there."""
    own = folder / task.name
    for name in _CANDIDATES[task.layout][split]:
        path = own.parent / name[3:] if name.startswith("../") else own / name
        if path.is_file():
            return path
    return None


def suite_root(folder: Path) -> Path:
    """Return the folder that holds the tasks: the one given, or ``GUE`` in it."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that holds EMP, mouse, prom ...")
    inner = folder / "GUE"
    return inner if inner.is_dir() else folder


def read_task(folder: Path, task: Task, *, dev_as_train: bool = False) -> TaskData:
    """Read and check every split of a task.

    Parameters
    ----------
    folder : Path
        The suite's folder.
    task : Task
    dev_as_train : bool
        Train on dev where the train file is missing (never a figure for a leaderboard).

    Returns
    -------
    TaskData

    Raises
    ------
    InputError
        A file is missing or wrong; one line that names file and row.
    """
    paths = {split: find_file(folder, task, split) for split in SPLITS}
    if paths["test"] is None:
        raise InputError(
            f"{folder / task.name}: no test file for {task.name}; get the data set or leave it out"
        )
    stand_in = paths["train"] is None and dev_as_train and paths["dev"] is not None
    if paths["train"] is None and not stand_in:
        hint = "; or --allow-dev-as-train" if paths["dev"] is not None else ""
        raise InputError(f"{folder / task.name}: no train file for {task.name}; get the data set{hint}")
    if task.has_dev and paths["dev"] is None:
        raise InputError(
            f"{folder / task.name}: no dev file for {task.name}; get the data set or leave it out"
        )
    read = {split: read_labelled(path, task) for split, path in paths.items() if path is not None}
    train = read["dev"] if stand_in else read["train"]
    classes = _check_classes(task, train, [data for data in read.values() if data is not train])
    return TaskData(task, classes, train, read.get("dev"), read["test"], stand_in)


def hash_splits(folder: Path, task: Task) -> dict[str, str]:
    """Return the SHA-256 of the (uncompressed) files of a task that are there, by split."""
    paths = {split: find_file(folder, task, split) for split in SPLITS}
    return {
        split: hashlib.sha256(_bytes_of(path)).hexdigest()
        for split, path in paths.items()
        if path is not None
    }


def read_labelled(path: Path, task: Task) -> LabelledData:
    """Read one file of ``sequence,label`` rows (or two sequences and a label), gzipped or not.

    Raises
    ------
    InputError
        No header, a label that is no integer, a wrong number of fields, a letter that is no nucleotide:
        the message names the file and the line.
    """
    content = _bytes_of(path)
    delimiter = "\t" if ".tsv" in path.name else ","
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not text (byte {error.start}); give a CSV with sequence and label"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = list(_rows(reader, path))
    if not rows:
        raise InputError(f"{path}: no rows below the header; the file seems cut off")
    columns, labels = _parse_together([fields for _, fields in rows], task) or _parse_one_by_one(
        rows, task, path
    )
    return LabelledData(
        path,
        hashlib.sha256(content).hexdigest(),
        columns[0],
        columns[1] if task.pair else None,
        np.array(labels, dtype=np.float64 if task.kind == "regression" else np.int64),
    )


_Parsed = tuple[list[tuple[str, ...]], list[Any]]
"""Sequences by column, and labels."""


def _parse_together(rows: Sequence[Sequence[str]], task: Task) -> _Parsed | None:
    """Look at all letters and labels at once; None where something is wrong or unusual."""
    width = 3 if task.pair else 2
    if task.kind != "classification" or any(len(fields) != width for fields in rows):
        return None
    columns = [tuple(_clean(fields[number], task) for fields in rows) for number in range(width - 1)]
    try:
        codes = CODE_OF_BYTE[np.frombuffer("".join(map("".join, columns)).encode("ascii"), np.uint8)]
        labels = [int(fields[-1]) for fields in rows]
    except ValueError:
        return None
    fine = all(map(all, columns)) and (not codes.size or codes.max() <= _MAX_CODE)
    in_range = min(labels) >= 0 and max(labels) < (task.classes or _MOST_CLASSES)
    return (columns, labels) if fine and in_range else None


def _parse_one_by_one(rows: Sequence[tuple[int, list[str]]], task: Task, path: Path) -> _Parsed:
    """Look at one row after the other, so that an error names its line."""
    width = 3 if task.pair else 2
    columns: list[list[str]] = [[] for _ in range(width - 1)]
    labels: list[Any] = []
    for line, fields in rows:
        if len(fields) != width:
            raise InputError(
                f"{path}: line {line} has {len(fields)} fields, but {task.name} has {width}; correct it"
            )
        for column, text in zip(columns, fields, strict=False):
            column.append(_sequence(text, task, path, line))
        labels.append(_label(fields[-1], task, path, line))
    return [tuple(column) for column in columns], labels


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


def _bytes_of(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: cannot be read ({reason}); get the file again") from None


def _rows(reader: Iterator[list[str]], path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        header = next(reader, None)
        if header is None:
            raise InputError(f"{path}: empty; get the file again")
        if not header or header[-1].strip().lower() != "label":
            raise InputError(
                f"{path}: line 1 is no header (it begins {''.join(header[:1])[:20]!r}); add sequence,label"
            )
        for fields in reader:
            if fields:
                yield reader.line_num, fields  # type: ignore[attr-defined]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}; correct it") from None  # type: ignore[attr-defined]


def _clean(text: str, task: Task) -> str:
    return (_join_kmers(text) if task.layout == "fewshot" else text.strip()).upper()


def _sequence(text: str, task: Task, path: Path, line: int) -> str:
    sequence = _clean(text, task)
    if not sequence:
        raise InputError(f"{path}: line {line} has no sequence; remove the row")
    try:
        raw = sequence.encode("ascii")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path}: line {line}: {sequence[error.start]!r} is no nucleotide; correct it"
        ) from None
    codes = CODE_OF_BYTE[np.frombuffer(raw, np.uint8)]
    bad = np.flatnonzero(codes > _MAX_CODE)
    if bad.size:
        raise InputError(
            f"{path}: line {line}, letter {bad[0] + 1}: {sequence[bad[0]]!r} is no nucleotide; correct it"
        )
    return sequence


def _join_kmers(text: str) -> str:
    words = text.split()
    return words[0] + "".join(word[-1] for word in words[1:]) if words else ""


def _label(text: str, task: Task, path: Path, line: int) -> Any:
    if task.kind == "classification":
        return _class(text, task, path, line)
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        raise InputError(f"{path}: line {line}: label {text[:20]!r} is no number; correct it") from None
    if task.kind == "regression":
        if len(numbers) != 1 or not math.isfinite(numbers[0]):
            raise InputError(f"{path}: line {line}: label {text[:20]!r} is not one number; correct it")
        return numbers[0]
    if len(numbers) != task.classes or not set(numbers) <= {0.0, 1.0}:
        raise InputError(
            f"{path}: line {line}: label {text[:20]!r}, but {task.name} has {task.classes} of 0 and 1; "
            "correct it"
        )
    return [int(number) for number in numbers]


def _class(text: str, task: Task, path: Path, line: int) -> int:
    try:
        label = int(text)
    except ValueError:
        raise InputError(f"{path}: line {line}: label {text[:20]!r} is no integer; correct it") from None
    if not 0 <= label < (task.classes or _MOST_CLASSES):
        limit = f"..{(task.classes or _MOST_CLASSES) - 1}"
        raise InputError(
            f"{path}: line {line}: label {label}, but {task.name} has labels 0{limit}; correct it"
        )
    return label


def _check_classes(task: Task, train: LabelledData, others: Sequence[LabelledData]) -> int:
    if task.kind != "classification":
        return task.classes or 1
    seen = set(train.labels.tolist())
    classes = task.classes or max(seen) + 1
    if classes < 2:
        raise InputError(
            f"{train.path}: all {len(train)} rows have label 0, but a classification needs two classes; "
            "use the whole file"
        )
    missing = sorted(set(range(classes)) - seen)
    if missing:
        raise InputError(
            f"{train.path}: no row of class {', '.join(map(str, missing))} in {len(train)} rows, but "
            f"{task.name} has {classes} classes; a model cannot learn what it never sees: use the whole file"
        )
    for data in others:
        strange = np.flatnonzero(~np.isin(data.labels, list(seen)))
        if strange.size:
            raise InputError(
                f"{data.path}: row {strange[0] + 1} below the header has label {data.labels[strange[0]]}, "
                f"which never stands in {train.path.name}; correct it"
            )
    return classes
