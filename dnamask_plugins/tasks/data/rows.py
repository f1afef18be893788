"""Reading of one file of labelled sequences, checked row by row."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from dnamask_plugins.errors import InputError
from dnamask_plugins.nucleotides import CODE_OF_BYTE
from dnamask_plugins.tasks.data.labelled import LabelledData
from dnamask_plugins.tasks.data.layout import content_of
from dnamask_plugins.tasks.task import Task

csv.field_size_limit(1 << 28)

_MAX_CODE: Final = 4
_MOST_CLASSES: Final = 4096


def read_labelled(path: Path, task: Task) -> LabelledData:
    """Read one file of ``sequence,label`` rows (or two sequences and a label), gzipped or not.

    Raises
    ------
    InputError
        No header, a label that is no integer, a wrong number of fields, a letter that is no nucleotide:
        the message names the file and the line.
    """
    content = content_of(path)
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
