"""Fetching of GUE from the Hugging Face hub into the published folder layout, checked and resumable."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dnamask_plugins.errors import InputError
from dnamask_plugins.files import write_atomically
from dnamask_plugins.tasks import SPLITS, Split, Task
from dnamask_plugins.tasks.data import find_file, hash_splits

Loader = Callable[[str, str, str], Any]
"""Called with data set, configuration and split; returns something with ``column_names`` and rows."""

_HUB_NAMES: Final = {"train": ("train",), "dev": ("dev", "validation", "valid"), "test": ("test",)}


@dataclass(frozen=True)
class Fetched:
    """One file: ``status`` is kept, fetched or failed; ``as_published`` is None where no hash is known."""

    task: str
    split: str
    status: str
    path: Path
    as_published: bool | None
    detail: str = ""


def download(
    tasks: Sequence[Task],
    folder: Path,
    *,
    dataset: str | None = None,
    loader: Loader | None = None,
) -> Iterable[Fetched]:
    """Fetch the files of some tasks that are not there yet, one after the other.

    A file is written when it is whole, so that a broken-off download goes on where it stopped. Where the
    hash of the published file is known it is compared; another hash is reported, not refused, for rows that
    passed through the hub may be written in other bytes. Another number of rows is refused.

    Parameters
    ----------
    tasks : sequence of Task
    folder : Path
        Gets ``EMP/H3/train.csv`` and so on.
    dataset : str, optional
        Another data set on the hub, or a local folder that `datasets` can load.
    loader : callable, optional
        What loads a split; `datasets.load_dataset` by default.

    Yields
    ------
    Fetched
        One for each file.
    """
    load = loader or _load
    folder.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        for split in SPLITS:
            yield _fetch(task, split, folder, dataset or task.hub, load)


def rows_to_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Write rows as the published files are written: a header, comma, LF, no quotes unless needed."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue().encode()


def _fetch(task: Task, split: Split, folder: Path, dataset: str, load: Loader) -> Fetched:
    published = task.sha256.get(split)
    present = find_file(folder, task, split)
    if present is not None:
        known = None if published is None else hash_splits(folder, task)[split] == published
        return Fetched(task.name, split, "kept", present, known)
    path = folder / task.name / f"{split}.csv"
    if not dataset or not task.hub_config:
        return Fetched(task.name, split, "failed", path, None, "the task names no data set on the hub")
    reasons = []
    for name in _HUB_NAMES[split]:
        try:
            rows = load(dataset, task.hub_config, name)
            content = rows_to_csv(*_table(rows, task))
        except Exception as error:  # the hub client raises types of many libraries
            reasons.append(" ".join(f"{type(error).__name__}: {error}".split())[:160])
            continue
        expected = task.rows.get(split)
        count = content.count(b"\n") - 1
        if expected is not None and count != expected:
            detail = f"{count} rows instead of {expected}"
            return Fetched(task.name, split, "failed", path, None, detail)
        write_atomically(path, content)
        known = None if published is None else hashlib.sha256(content).hexdigest() == published
        return Fetched(task.name, split, "fetched", path, known)
    return Fetched(task.name, split, "failed", path, None, reasons[0])


def _table(rows: Any, task: Task) -> tuple[list[str], Iterable[Sequence[Any]]]:
    names = list(rows.column_names)
    labels = [name for name in names if name.lower() == "label"]
    sequences = [name for name in names if name not in labels]
    wanted = 2 if task.pair else 1
    if len(labels) != 1 or len(sequences) != wanted:
        raise InputError(f"columns {names}, but {task.name} has {wanted} of sequence and a label")
    header = ["sequence1", "sequence2", "label"] if task.pair else ["sequence", "label"]
    return header, zip(*(rows[name] for name in (*sequences, *labels)), strict=True)


def _load(dataset: str, configuration: str, split: str) -> Any:
    from datasets import load_dataset

    return load_dataset(dataset, configuration, split=split)
