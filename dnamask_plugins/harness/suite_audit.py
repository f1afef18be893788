"""What ``audit`` of ``dnamask gue`` and ``dnamask fewshot`` does, apart from reading its flags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from dnamask_plugins import terminal
from dnamask_plugins.errors import InputError
from dnamask_plugins.files import write_json
from dnamask_plugins.harness.selection import tasks_of
from dnamask_plugins.tasks import SPLITS, Task
from dnamask_plugins.tasks.audit import TaskAudit, audit_task, search_corpus
from dnamask_plugins.tasks.data import TaskData, find_file, read_task, suite_root

_COLUMNS: Final = (
    "task", "rows", "length", "classes", "duplicate rows", "test in train", "other label", "dev in train",
    "files",
)  # fmt: skip


def audit_command(
    folder: Path, expression: str, suites: Sequence[str], corpus: tuple[Path, ...], json_out: Path | None
) -> None:
    """Audit tasks, print a table and write the findings."""
    root = suite_root(folder)
    asked = tasks_of(expression, suites)
    present = [task for task in asked if find_file(root, task, "test") is not None]
    missing = [task.name for task in asked if task not in present]
    if not present:
        raise InputError(f"{root}: holds none of {', '.join(missing[:4])}...; {asked[0].how_to_get}")
    audits = _audit(root, present, corpus)
    if json_out is not None:
        write_json(json_out, {"tasks": [item.to_json() for item in audits], "missing": missing})
    terminal.page().print(_audit_table(audits))
    if missing:
        terminal.console(stderr=True).print(f"not there: {', '.join(missing)}", soft_wrap=True)


def _audit(root: Path, tasks: Sequence[Task], corpus: Sequence[Path]) -> list[TaskAudit]:
    audits: list[TaskAudit] = []
    with terminal.bar() as bar:
        row = bar.add_task("reading", total=len(tasks))
        data: list[TaskData] = []
        for task in tasks:
            data.append(read_task(root, task, dev_as_train=True))
            bar.advance(row)
        found = {}
        if corpus:
            row = bar.add_task("corpus (nucleotides)", total=None)
            found = search_corpus(data, corpus, lambda size: bar.advance(row, size))
        row = bar.add_task("audit", total=len(tasks))
        for item in data:
            bar.update(row, description=item.task.name)
            audits.append(audit_task(item, found.get(item.task.name)))
            bar.advance(row)
    return audits


def _audit_table(audits: Sequence[TaskAudit]) -> Any:
    corpus = any(item.corpus for item in audits)
    table = Table(title="sequences that occur elsewhere too (in brackets: on the other strand)")
    for column in (*_COLUMNS, *(["in the corpus"] if corpus else [])):
        table.add_column(column, justify="left" if column in ("task", "files") else "right")
    for item in audits:
        table.add_row(*_cells(item), *([_in_corpus(item)] if corpus else []))
    return table


def _cells(item: TaskAudit) -> list[str]:
    splits = item.splits
    across = {(overlap.split, overlap.within): overlap for overlap in item.overlaps}
    test, dev = across.get(("test", "train")), across.get(("dev", "train"))
    known = [split.as_published for split in splits.values()]
    return [
        item.task,
        " ".join(f"{splits[name].rows:,}" if name in splits else "-" for name in SPLITS),
        f"{min(s.shortest for s in splits.values())}-{max(s.longest for s in splits.values())}",
        str(len(set().union(*(split.classes for split in splits.values())))),
        " ".join(str(splits[name].duplicate_rows) if name in splits else "-" for name in SPLITS),
        "-" if test is None else f"{test.sequences} ({test.reverse_complements})",
        "-" if test is None else str(test.other_label),
        "-" if dev is None else f"{dev.sequences} ({dev.reverse_complements})",
        "other than published" if False in known else "as published" if True in known else "unknown",
    ]


def _in_corpus(item: TaskAudit) -> str:
    return " ".join(f"{part.split} {part.rows / item.splits[part.split].rows:.1%}" for part in item.corpus)
