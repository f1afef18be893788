"""Tasks of a task file whose rows lie in a table: which table, and how it is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.harness.tables.file_names import format_of, split_of
from dnamask_plugins.harness.tables.importing import TableOptions
from dnamask_plugins.tasks import SPLITS, Task
from dnamask_plugins.tasks.data import find_file

_LISTS: Final[Mapping[str, str]] = {
    "sequence": "sequence_columns",
    "label": "label_columns",
    "labels": "class_names",
    "dev_values": "dev_values",
    "test_values": "test_values",
}
_PLAIN: Final = ("kind", "metric", "dev", "test", "split_by", "similar", "split_seed", "other_letters_as_n")
_FILES: Final[Mapping[str, str]] = {"dev_file": "dev", "test_file": "test"}


def options_of(task: Task) -> TableOptions:
    """Return how a task's table is read, from the keys under ``[task.table]``.

    Raises
    ------
    ConfigError
        A key is unknown or a value is refused.
    """
    where = f"task {task.name}: [task.table]"
    known = (*_LISTS, *_PLAIN, *_FILES)
    for key in task.table:
        if key not in known:
            raise ConfigError(f"{where}: unknown key '{key}'; {suggest(key, known)}")
    values: dict[str, Any] = {key: task.table[key] for key in _PLAIN if key in task.table}
    for key, name in _LISTS.items():
        given = task.table.get(key, ())
        values[name] = (given,) if isinstance(given, str) else tuple(map(str, given))
    files = {split: Path(task.table[key]) for key, split in _FILES.items() if key in task.table}
    try:
        return TableOptions(splits=files, **values)
    except TypeError as error:
        raise ConfigError(f"{where}: {error}; correct it") from None


def table_of(task: Task, folder: Path, *, dev_as_train: bool = False) -> Path | None:
    """Return the table that a task is read from, None where its files lie in a published layout.

    A task of a user's own may lie in any form that `read_table` takes: with ``val.csv``, without dev, as TSV,
    JSON lines or parquet, with words for labels and more columns.
    """
    if task.data:
        return Path(task.data)
    own = folder / task.name
    if task.sha256 or task.layout != "gue" or not own.is_dir() or _as_published(folder, task, dev_as_train):
        return None
    tables = [path for path in own.iterdir() if path.is_file() and format_of(path)]
    folders = [path for path in own.iterdir() if path.is_dir()]
    return own if any(split_of(path.name.split(".")[0]) == "train" for path in (*tables, *folders)) else None


def _as_published(folder: Path, task: Task, dev_as_train: bool) -> bool:
    width = 3 if task.pair else 2
    for split in SPLITS:
        path = find_file(folder, task, split)
        if path is None:
            if split == "train" and dev_as_train:
                continue
            return False
        if path.suffix == ".gz":
            continue
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            header, first = (stream.readline().strip().lower().split(",") for _ in range(2))
        plain = header[-1] == "label" and len(header) == width and _is_label(first[-1], task)
        # What has no label at all is no other form of a table, and its reader says what is wrong.
        if "label" in header and not plain:
            return False
    return True


def _is_label(text: str, task: Task) -> bool:
    words = text.split() if task.kind == "multi_label" else [text]
    return all(word.lstrip("-").isdigit() or task.kind == "regression" for word in words)


def as_read(task: Task, found: Task) -> Task:
    """Return a task with what its table said about it."""
    # A suite says for its tasks what they are scored by; a table given as a task only says its kind.
    own = not task.data and "metric" not in task.table and found.kind == task.kind
    return dataclasses.replace(
        task,
        kind=found.kind,
        metric=task.metric if own else found.metric,
        classes=found.classes,
        labels=found.labels,
        pair=found.pair,
        data="",
    )
