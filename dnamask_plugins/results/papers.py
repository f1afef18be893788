"""The two tables of published GUE figures that the registry began with, as records.

    python -m dnamask_plugins.results.papers TABLE.csv [TABLE.csv ...] -o registry/results

Two forms of table are understood: ``species,task,dataset,model,mcc`` (CM-GEMS) and
``model,dataset,metric,value,source`` (DNABERT-2); any other is for `dnamask results add-published`. Printed
means are never taken over: they do not always follow from their own rows, so means are computed where they
are shown. Rows that were not seen in their source (its own remark says so) are left out.
"""

from __future__ import annotations

import argparse
import csv
import functools
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from dnamask_plugins.errors import DnamaskError, InputError, suggest
from dnamask_plugins.results import record_files
from dnamask_plugins.results.published import published
from dnamask_plugins.results.records import ModelInfo, Provenance, ResultRecord, TaskInfo
from dnamask_plugins.tasks import gue

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PROMOTER_NAMES = {"all": "all", "no tata": "notata", "notata": "notata", "tata": "tata"}
_DNABERT2_MARK = "DNABERT-2 paper Table 4"


@dataclass(frozen=True)
class PrintedScore:
    """One printed figure: which table, which model, which task, and the digits as printed (x 100)."""

    table: str
    model: str
    task: str
    printed: str


def read_table(path: Path) -> tuple[list[PrintedScore], int]:
    """Read the figures of one CSV.

    Returns
    -------
    figures : list of PrintedScore
    left_out : int
        Rows that are printed means or were not seen in their source.

    Raises
    ------
    InputError
        The file is no such table, or a task is not one of GUE's; names file and row.
    """
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            header = set(reader.fieldnames or ())
            rows = list(enumerate(reader, start=2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path}: cannot be read as CSV ({error}); give a table of published figures"
        ) from None
    if {"species", "task", "dataset", "model", "mcc"} <= header:
        parse = _cm_gems
    elif {"model", "dataset", "metric", "value", "source"} <= header:
        parse = _dnabert2
    else:
        raise InputError(
            f"{path}: row 1: the columns {sorted(header)} are of no known table; see the module's text"
        )
    figures: list[PrintedScore] = []
    for number, row in rows:
        figure = parse(row)
        if figure is None:
            continue
        if figure.task not in _tasks():
            raise InputError(f"{path}: row {number}: {suggest(figure.task, _tasks())} (task '{figure.task}')")
        _fraction(figure.printed, f"{path}: row {number}")
        figures.append(figure)
    return figures, len(rows) - len(figures)


def record_of(figure: PrintedScore) -> ResultRecord:
    """Make the record of one printed figure.

    Raises
    ------
    InputError
        The model is not described in ``papers.toml``.
    """
    facts = _facts()
    known = facts["models"][figure.table]
    if figure.model not in known:
        raise InputError(f"papers.toml does not describe '{figure.model}'; {suggest(figure.model, known)}")
    task = _tasks()[figure.task]
    return published(
        ModelInfo(figure.model, **known[figure.model]),
        TaskInfo(task.name, task.suite, task.metric, task.classes, task.species),
        _fraction(figure.printed, figure.model),
        Provenance(**facts["sources"][figure.table], printed=figure.printed),
    )


def write_all(tables: Sequence[Path], folder: Path) -> tuple[int, int]:
    """Write a record for every figure; returns the number of figures, and of rows that were left out."""
    total = left_out = 0
    for path in tables:
        figures, skipped = read_table(path)
        left_out += skipped
        for figure in figures:
            record_files.write(record_of(figure), (), folder)
        total += len(figures)
    return total, left_out


def _cm_gems(row: Mapping[str, str]) -> PrintedScore | None:
    task, dataset = row["task"].strip(), row["dataset"].strip()
    if dataset == "mean":
        return None
    if task.startswith(("PD", "CPD")):
        prefix = "prom/prom_core_" if task.startswith("CPD") else "prom/prom_300_"
        name = prefix + _PROMOTER_NAMES.get(dataset, dataset)
    elif task == "Splice":
        name = "splice/reconstructed"
    else:
        group = {"TFP (Human)": "tf", "TFP (Mouse)": "mouse", "EMP (Yeast)": "EMP"}.get(task, task)
        name = f"{group}/{dataset}"
    return PrintedScore("cm_gems", row["model"].strip(), name, row["mcc"].strip())


def _dnabert2(row: Mapping[str, str]) -> PrintedScore | None:
    if row["metric"] == "mean" or not row["source"].startswith(_DNABERT2_MARK):
        return None
    return PrintedScore("dnabert2", row["model"].strip(), row["dataset"].strip(), row["value"].strip())


def _fraction(printed: str, where: str) -> float:
    try:
        value = float(printed)
    except (TypeError, ValueError):
        value = math.nan
    if not -100 <= value <= 100:
        raise InputError(f"{where}: '{printed}' is not a score between -100 and 100; correct it")
    return round(value / 100, 6)


@functools.cache
def _facts() -> dict[str, Any]:
    return tomllib.loads((files("dnamask_plugins.results") / "papers.toml").read_text("utf-8"))


@functools.cache
def _tasks() -> dict[str, Any]:
    return {task.name: task for task in gue()}


def _main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dnamask_plugins.results.papers", description=__doc__)
    parser.add_argument("tables", nargs="+", type=Path, help="CSV of printed figures")
    parser.add_argument("-o", "--out", required=True, type=Path, help="folder of result records")
    options = parser.parse_args(arguments)
    try:
        total, left_out = write_all(options.tables, options.out)
    except DnamaskError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{total} figures in {options.out}; {left_out} rows left out (means, or not seen in their source)")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
