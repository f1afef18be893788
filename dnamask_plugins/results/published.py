"""Figures that papers print, as result records with ``source: published``: any paper, from a CSV of its rows.

One row for each figure; columns (the first four are needed, unless a default is given):

    model, task, value, source          metric, std, table, url, note, suite,
                                        backbone, tokenizer, strategy, pretraining_steps,
                                        pretraining_tokens, parameters, track

``value`` and ``std`` as they are printed, x 100. Means do not belong here: they are
computed where they are shown.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dnamask_plugins.errors import DnamaskError, InputError, suggest
from dnamask_plugins.results import record_files
from dnamask_plugins.results.measuring import check_words
from dnamask_plugins.results.methods import STANDARD
from dnamask_plugins.results.records import ModelInfo, Provenance, ResultRecord, TaskInfo
from dnamask_plugins.suite_names import GUE
from dnamask_plugins.tasks import Task, all_suites
from dnamask_plugins.tasks.metrics import METRICS

_OTHER_NAMES: Final = {"dataset": "task", "score": "value", "paper": "source", "steps": "pretraining_steps"}
_NEEDED: Final = ("model", "task", "value", "source")
_TEXTS: Final = ("backbone", "tokenizer", "strategy")
_NUMBERS: Final = ("pretraining_steps", "pretraining_tokens", "parameters")
_REST: Final = ("metric", "std", "table", "url", "note", "suite", "track")
COLUMNS: Final = (*_NEEDED, *_REST, *_TEXTS, *_NUMBERS)


@dataclass(frozen=True)
class Refused:
    """A row that is no figure, and why."""

    row: int
    reason: str


def published(
    model: ModelInfo, task: TaskInfo, value: float, provenance: Provenance, *, std: float | None = None
) -> ResultRecord:
    """Make the record of a figure that is printed elsewhere (`value` as a fraction).

    It carries no time of making: the same figure is the same file.
    """
    check_words(model, None)
    return ResultRecord("published", model, task, "", value, std, provenance=provenance)


def read_published(
    path: Path, defaults: Mapping[str, str] | None = None
) -> tuple[list[ResultRecord], list[Refused]]:
    """Read the figures of a paper; every row becomes a record or is refused with its reason.

    Parameters
    ----------
    path : Path
        CSV with a header.
    defaults : mapping, optional
        Values of columns that are not there, or are empty in a row: ``source``, ``suite``, ...

    Raises
    ------
    InputError
        The file cannot be read, or its header names an unknown column or lacks one.
    """
    given = {key: value for key, value in (defaults or {}).items() if value}
    header, rows = _read_csv(path)
    for name in header:
        if name not in COLUMNS:
            raise InputError(f"{path}: row 1: column '{name}'; {suggest(name, COLUMNS)}")
    missing = [name for name in _NEEDED if name not in header and name not in given]
    if missing:
        raise InputError(f"{path}: row 1: no column {', '.join(missing)}; add it, or give it as an option")
    records: list[ResultRecord] = []
    refused: list[Refused] = []
    seen: dict[tuple[str, str, str], int] = {}
    for number, row in enumerate(rows, start=2):
        values = given | {key: value for key, value in row.items() if value}
        try:
            record = _record(values)
            assert record.provenance is not None
            key = (record.model.name, record.task.name, record.provenance.source)
            if key in seen:
                raise InputError(f"the same model and task as row {seen[key]}; keep one of them")
            seen[key] = number
            record_files.to_text(record, f"row {number}")
        except DnamaskError as error:
            refused.append(Refused(number, str(error).removeprefix(f"row {number}: ")))
        else:
            records.append(record)
    return records, refused


def _read_csv(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            rows = [[field.strip() for field in row] for row in csv.reader(stream) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); give a table of figures") from None
    if not rows:
        raise InputError(f"{path}: empty; give a table of published figures")
    header = [_OTHER_NAMES.get(name.lower(), name.lower()) for name in rows[0]]
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: row 1: two columns '{twice}'; keep one of them")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise InputError(f"{path}: row {number} has {len(row)} fields, not {len(header)}; correct it")
    return header, [dict(zip(header, row, strict=True)) for row in rows[1:]]


def _record(row: Mapping[str, str]) -> ResultRecord:
    absent = next((name for name in _NEEDED if not row.get(name)), None)
    if absent is not None:
        raise InputError(f"no {absent}")
    task = _task(row["task"], row.get("suite", GUE))
    metric = row.get("metric", task.metric).lower()
    if metric != task.metric:
        raise InputError(f"metric '{metric}', but {task.name} is scored by {task.metric}")
    model: dict[str, Any] = {name: row.get(name) for name in _TEXTS}
    model |= {name: _whole(row[name], name) for name in _NUMBERS if row.get(name)}
    return published(
        ModelInfo(row["model"], track=row.get("track", STANDARD), **model),
        TaskInfo(task.name, task.suite, task.metric, task.classes or 2, task.species, kind=task.kind),
        _fraction(row["value"], task.metric),
        Provenance(
            row["source"],
            row.get("table", ""),
            row.get("url", ""),
            printed=row["value"],
            note=row.get("note", ""),
        ),
        std=_fraction(row["std"], task.metric) if row.get("std") else None,
    )


def _task(name: str, suite: str) -> Task:
    suites = all_suites()
    if suite not in suites:
        raise InputError(f"suite '{suite}' is not installed; {suggest(suite, suites)}")
    found = next((task for task in suites[suite] if task.name.lower() == name.lower()), None)
    if found is None:
        raise InputError(
            f"task '{name}' is none of {suite}; {suggest(name, [t.name for t in suites[suite]])}"
        )
    return found


def _fraction(printed: str, metric: str) -> float:
    try:
        value = float(printed)
    except ValueError:
        raise InputError(f"'{printed}' is no number") from None
    lowest = METRICS[metric].lowest
    low = -math.inf if lowest is None else 100 * lowest
    if not low <= value <= 100:
        raise InputError(f"{printed} is no {METRICS[metric].title} x 100, which lies in {low:g} to 100")
    return round(value / 100, 8)


def _whole(text: str, name: str) -> int:
    try:
        return int(text.replace(",", "").replace("_", ""))
    except ValueError:
        raise InputError(f"{name} '{text}' is no whole number") from None


def write_published(records: Sequence[ResultRecord], folder: Path) -> int:
    """Write records of published figures; returns how many were not there already."""
    new = 0
    for record in records:
        before = record_files.path_of(record, folder)
        new += not before.exists() and record_files.write(record, (), folder) == before
    return new
