"""Rows of a table file, of split files, or of a FASTA per class, as columns of plain values."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnamask_plugins.corpus.compressed import refuse_bombs
from dnamask_plugins.corpus.fasta import read_fasta
from dnamask_plugins.errors import InputError
from dnamask_plugins.harness.tables.file_names import FASTA, SPLIT_NAMES, TABLES, format_of, split_of
from dnamask_plugins.harness.tables.intervals import COLUMNS, find_genome, parse_intervals, read_intervals
from dnamask_plugins.quiet import silence_datasets
from dnamask_plugins.tasks import SPLITS


@dataclass(frozen=True, eq=False)
class Table:
    """Rows as they are in the files.

    Attributes
    ----------
    columns : mapping of str to list
        In the order of the first file; every list has a value for each row.
    files : tuple of Path
    origin : list of (int, int)
        Number of the file and number of the row in it, from 1, below the header.
    split : list of str, or None
        ``train``, ``dev`` or ``test`` of each row where the files say so.
    """

    columns: Mapping[str, list[Any]]
    files: tuple[Path, ...]
    origin: list[tuple[int, int]]
    split: list[str] | None = None

    def __len__(self) -> int:
        return len(self.origin)

    def where(self, row: int) -> str:
        """Name a row in an error: its file, and its number below the header."""
        file, number = self.origin[row]
        return f"{self.files[file]}: row {number} below the header"


def read_table(data: Path, splits: Mapping[str, Path] | None = None) -> Table:
    """Read all rows of a task.

    Parameters
    ----------
    data : Path
        A CSV, TSV, JSON lines or parquet file; a folder with train, dev and test files of one of these
        kinds; or a folder with one FASTA file for each class, named after it; or a FASTA file with labels in
        its headers (``>NAME|LABEL``); or a folder with folders of these, and for Genomic Benchmarks of one
        CSV of intervals for each class, and the genome beside them.
    splits : mapping of str to Path, optional
        Further files by split; `data` is then the training rows.

    Raises
    ------
    InputError
        Nothing of the kind is there, or a file cannot be read.
    """
    if splits:
        return _join({"train": data, **splits})
    if data.is_dir():
        return _read_folder(data)
    if not data.is_file():
        raise InputError(
            f"{data}: no such file or folder; give a CSV, TSV, JSON lines or parquet file, a folder with "
            "train, dev and test files, or a folder with a FASTA for each class"
        )
    if format_of(data) == "fasta":
        return _labelled_fasta(data)
    return Table(*_read_file(data))


def _read_folder(folder: Path) -> Table:
    files = sorted(path for path in folder.iterdir() if path.is_file() and format_of(path))
    by_split: dict[str, Path] = {}
    for path in files:
        split = split_of(path.name.split(".")[0])
        if split is None:
            continue
        if split in by_split:
            raise InputError(
                f"{folder}: {by_split[split].name} and {path.name} are both {split}; leave one of them"
            )
        by_split[split] = path
    if "train" in by_split:
        return _join(by_split)
    # Before the FASTA of each class: beside folders of intervals lies the genome, which is no class.
    below = {
        split: folder / name
        for split, names in SPLIT_NAMES.items()
        for name in names
        if (folder / name).is_dir()
    }
    if "train" in below:
        return _join(below)
    classes = [path for path in files if format_of(path) == "fasta"]
    if classes and len(classes) == len(files):
        return _fasta_per_class(classes)
    if len(files) > 1 and all(format_of(path) == "csv" and _has_intervals(path) for path in files):
        return _intervals_per_class(files, folder)
    if len(files) == 1:
        return read_table(files[0])
    found = ", ".join(path.name for path in files[:6]) or "no table and no FASTA"
    raise InputError(
        f"{folder}: holds {found}, but no train file; name the files train, dev and test, or give one file"
    )


def _join(paths: Mapping[str, Path]) -> Table:
    """Put the rows of several splits one after the other."""
    parts = {split: read_table(paths[split]) for split in SPLITS if split in paths}
    names = list(parts["train"].columns)
    for split, part in parts.items():
        missing = [name for name in names if name not in part.columns]
        if missing:
            raise InputError(
                f"{paths[split]}: has no column '{missing[0]}', which {paths['train'].name} has; "
                "give all files the same columns"
            )
    files: list[Path] = []
    origin: list[tuple[int, int]] = []
    split_of_row: list[str] = []
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for split, part in parts.items():
        origin += [(file + len(files), number) for file, number in part.origin]
        files += part.files
        split_of_row += [split] * len(part)
        for name in names:
            columns[name] += part.columns[name]
    return Table(columns, tuple(files), origin, split_of_row)


def _labelled_fasta(path: Path) -> Table:
    """Read a FASTA file with the label after the last ``|`` of each header, as in ``>H3_12|1``."""
    columns: dict[str, list[Any]] = {"sequence": [], "label": []}
    for record in read_fasta(path):
        _, bar, label = record.name.rpartition("|")
        if not bar or not label:
            raise InputError(
                f"{path}: '{record.name}' has no label (as in >NAME|LABEL); give a folder with one FASTA for "
                "each class, or a table"
            )
        columns["sequence"].append(record.sequence.decode())
        columns["label"].append(label)
    return Table(columns, (path,), [(0, row + 1) for row in range(len(columns["label"]))])


def _fasta_per_class(paths: Sequence[Path]) -> Table:
    columns: dict[str, list[Any]] = {"sequence": [], "name": [], "label": []}
    origin = []
    for number, path in enumerate(paths):
        for row, record in enumerate(read_fasta(path), start=1):
            columns["sequence"].append(record.sequence.decode())
            columns["name"].append(record.name)
            columns["label"].append(path.name.split(".")[0])
            origin.append((number, row))
    return Table(columns, tuple(paths), origin)


def _has_intervals(path: Path) -> bool:
    return set(COLUMNS) <= set(_csv_options(path)["features"])


def _intervals_per_class(paths: Sequence[Path], folder: Path) -> Table:
    """Read a CSV of intervals for each class, named after it, against the genome beside the split folders."""
    columns: dict[str, list[Any]] = {"region": [], "start": [], "end": [], "strand": [], "label": []}
    origin = []
    for number, path in enumerate(paths):
        read, _, rows = _read_file(path)
        for name in COLUMNS:
            columns[name] += read[name]
        columns["label"] += [path.name.split(".")[0]] * len(rows)
        origin += [(number, row) for _, row in rows]
    where = Table(columns, tuple(paths), origin).where
    sequences = read_intervals(parse_intervals(columns, where), find_genome(folder.parent), where)
    # With the place under its usual names, regions that overlap are kept on one side of a split.
    place = {"chrom": columns["region"], "start": columns["start"], "end": columns["end"]}
    return Table({"sequence": sequences, "label": columns["label"], **place}, tuple(paths), origin)


def _read_file(path: Path) -> tuple[dict[str, list[Any]], tuple[Path, ...], list[tuple[int, int]]]:
    form = format_of(path)
    if form is None:
        known = ", ".join((*TABLES, *FASTA))
        raise InputError(f"{path}: unknown kind of file; name it with one of {known}")
    from datasets import Dataset

    if path.is_file():
        refuse_bombs(path)
    silence_datasets()
    readers: dict[str, Callable[..., Any]] = {
        "csv": Dataset.from_csv,
        "json": Dataset.from_json,
        "parquet": Dataset.from_parquet,
    }
    options = _csv_options(path) if form == "csv" else {}
    with tempfile.TemporaryDirectory(prefix="dnamask-table-") as cache:
        try:
            data = readers[form](str(path), cache_dir=cache, keep_in_memory=True, **options)
            columns = {str(name): list(data[name]) for name in data.column_names}
        except InputError:
            raise
        except Exception as error:  # the parsers below `datasets` raise types of their own
            raise InputError(f"{path}: cannot be read as {form} ({_reason(error)}); correct it") from None
    rows = len(next(iter(columns.values()), []))
    if not rows:
        raise InputError(f"{path}: holds no rows; the file seems cut off")
    return columns, (path,), [(0, row) for row in range(1, rows + 1)]


def _csv_options(path: Path) -> dict[str, Any]:
    """Read every field as text, for a sequence may be NAN and a label 007."""
    import pandas
    from datasets import Features, Value

    try:
        head = pandas.read_csv(
            path, sep="\0", header=None, nrows=1, dtype=str, encoding="utf-8-sig", engine="python", quoting=3
        )
        line = str(head.iloc[0, 0])
    except pandas.errors.EmptyDataError:
        raise InputError(f"{path}: is empty; get the file again") from None
    except Exception as error:  # decompression and decoding have types of their own
        raise InputError(f"{path}: cannot be read as text ({_reason(error)}); get the file again") from None
    separator = max("\t,;", key=line.count)
    if not line.count(separator):
        separator = "," if ".csv" in path.name else "\t"
    plain = {"sep": separator, "keep_default_na": False, "encoding": "utf-8-sig"}
    names = pandas.read_csv(path, nrows=0, **plain).columns
    return {**plain, "features": Features({str(name): Value("string") for name in names})}


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return re.sub(r"\s+", " ", str(error))[:160] or type(error).__name__
