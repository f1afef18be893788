"""Writes the leaderboard page: everything inline, nothing fetched, nothing trusted."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from dnamask_plugins.errors import InputError
from dnamask_plugins.files import safe_name, write_atomically
from dnamask_plugins.results import record_files
from dnamask_plugins.results.leaderboard import chart
from dnamask_plugins.results.leaderboard.aggregate import Column, Figure, Leaderboard, Table, aggregate
from dnamask_plugins.results.methods import method_title


@dataclass(frozen=True)
class Built:
    """What was written."""

    page: Path
    leaderboard: Leaderboard


@dataclass(frozen=True)
class Cell:
    """One figure, ready to print (scores x 100)."""

    column: Column
    text: str
    value: str
    spread: str
    href: str
    title: str
    marks: str
    heat: str


def build(
    paths: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    watch: Callable[[Sequence[Path]], Iterable[Path]] = iter,
) -> Built:
    """Write ``OUT/index.html`` and, under ``OUT/records``, the records that its figures link to.

    Parameters
    ----------
    paths : sequence of paths
        Records, or folders of records.
    out : path
    watch : callable
        Passes on the files as they are read, and may show how far that is.

    Raises
    ------
    InputError
        No records, a bad one, or a folder that cannot be written.
    """
    found = record_files.find(paths)
    if not found:
        raise InputError(
            f"{', '.join(map(str, paths))}: no result records; name a folder such as registry/results"
        )
    leaderboard = aggregate(record_files.read(path) for path in watch(found))
    folder = Path(out)
    page = folder / "index.html"
    try:
        for table in leaderboard.tables:
            for entry in table.entries:
                for record in entry.records.values():
                    copy = record_files.path_of(record, folder / "records")
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_text(record_files.to_text(record, copy), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{error.filename or out}: cannot be written ({error.strerror}); choose another -o"
        ) from None
    write_atomically(page, render(leaderboard))
    return Built(page, leaderboard)


def render(leaderboard: Leaderboard) -> str:
    """Return the page as HTML.

    Every name from a record passes through Jinja's escaping. The content security policy runs only the
    scripts whose hashes stand in it, and lets nothing be fetched, should a name slip through all the same.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("dnamask_plugins.results.leaderboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["steps"] = _steps
    scripts = [chart.library(), _asset("page.js")]
    return environment.get_template("page.html.j2").render(
        board=leaderboard,
        tables=[_View(table) for table in leaderboard.tables],
        style=Markup(_asset("page.css")),
        scripts=[Markup(script) for script in scripts],
        script_hashes=" ".join(_csp_hash(script) for script in scripts),
        chart=chart.specification(),
        sources=_sources(leaderboard),
        method_title=method_title,
    )


class _View:
    """A table with its cells laid out for the template."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.id = safe_name(f"{table.suite}-{table.track}")
        figures = [[entry.figure(column) for column in table.columns] for entry in table.entries]
        ranges = [_range([row[index].value for row in figures]) for index in range(len(table.columns))]
        self.rows = [
            (entry, [_cell(*item) for item in zip(table.columns, row, ranges, strict=True)])
            for entry, row in zip(table.entries, figures, strict=True)
        ]
        self.filters = {
            "source": _choices(entry.source for entry in table.entries),
            "method": _choices(method_title(entry.method) for entry in table.entries),
            "backbone": _choices(entry.model.backbone for entry in table.entries),
            "tokenizer": _choices(entry.model.tokenizer for entry in table.entries),
            "strategy": _choices(entry.model.strategy for entry in table.entries),
            "steps": [
                (str(steps), _steps(steps))
                for steps in sorted(
                    {e.model.pretraining_steps for e in table.entries if e.model.pretraining_steps}
                )
            ],
        }
        self.plots = [column for column in table.columns if "summary" in column.groups]
        self.has_steps = any(entry.model.pretraining_steps for entry in table.entries)


def _cell(column: Column, figure: Figure, limits: tuple[float, float]) -> Cell:
    if figure.value is None:
        empty = "failed" if figure.link else "–"
        return Cell(column, empty, "", "", figure.link, "; ".join(figure.marks), "", "")
    low, high = limits
    heat = (figure.value - low) / (high - low) if high > low else 0.5
    parts = [column.detail]
    if figure.spread is not None:
        parts.append(f"standard deviation {figure.spread * 100:.2f} over {figure.seeds} seeds")
    elif figure.seeds == 1:
        parts.append("one seed")
    if figure.low is not None and figure.high is not None:
        parts.append(f"95% interval over test rows {figure.low * 100:.2f} to {figure.high * 100:.2f}")
    if figure.earlier:
        parts.append(f"newest of {figure.earlier + 1} records")
    parts += figure.marks
    return Cell(
        column,
        f"{figure.value * 100:.2f}",
        f"{figure.value * 100:.4f}",
        "" if figure.spread is None else f"{figure.spread * 100:.2f}",
        figure.link,
        "; ".join(parts),
        "; ".join(figure.marks),
        f"{heat:.3f}",
    )


def _range(values: Sequence[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else (0.0, 0.0)


def _choices(values: Any) -> list[tuple[str, str]]:
    return [(value, value) for value in sorted({value for value in values if value})]


def _steps(steps: int | None) -> str:
    """Write a number of steps as people say it.

    Examples
    --------
    >>> _steps(120_000), _steps(1_500), _steps(40), _steps(None)
    ('120K', '1.5K', '40', '')
    """
    if not steps:
        return ""
    return f"{steps / 1000:g}K" if steps >= 1000 else str(steps)


def _sources(leaderboard: Leaderboard) -> list[tuple[str, str]]:
    found = {
        (entry.origin, entry.url)
        for table in leaderboard.tables
        for entry in table.entries
        if entry.source == "published" and entry.origin
    }
    return sorted(found)


def _asset(name: str) -> str:
    return (files("dnamask_plugins.results.leaderboard") / "templates" / name).read_text("utf-8")


def _csp_hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
