"""A table as the page shows it: its columns, the view it opens on, and every cell as text (scores x 100)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dnamask_plugins.files import safe_name
from dnamask_plugins.results.leaderboard.aggregate import CellScore, Entry, Table
from dnamask_plugins.results.leaderboard.columns import EVERY, SUMMARY, Column, View
from dnamask_plugins.results.methods import method_title
from dnamask_plugins.results.verify import Verdict
from dnamask_plugins.tasks.metrics import shown

_MEASURED: Final = "measured"
"""View of the data sets that somebody measured here, where those are not enough for a mean."""


@dataclass(frozen=True)
class Cell:
    """One figure, ready to print."""

    column: Column
    views: tuple[str, ...]
    text: str
    value: str
    spread: str
    href: str
    title: str
    marks: str
    heat: str


@dataclass(frozen=True)
class Axis:
    """What the chart can be drawn from: ``key`` is the data attribute of the rows."""

    key: str
    label: str


@dataclass(frozen=True)
class TableLayout:
    """A table with everything that the template asks for.

    Attributes
    ----------
    table : Table
    id : str
    columns : tuple of (Column, views that show it)
        Those in which somebody has a figure.
    views : tuple of (key, label)
        The first one is open.
    rows : tuple of (Entry, cells)
    filters : mapping of str to choices
    plots : tuple of Column
        For the chart; the first one is drawn.
    axes : tuple of Axis
        Empty where no entry says how long it was pretrained.
    """

    table: Table
    id: str
    columns: tuple[tuple[Column, tuple[str, ...]], ...]
    views: tuple[View, ...]
    rows: tuple[tuple[Entry, tuple[Cell, ...]], ...]
    filters: Mapping[str, Sequence[tuple[str, str]]]
    plots: tuple[Column, ...]
    axes: tuple[Axis, ...]

    @property
    def opens_on(self) -> str:
        """Key of the first view."""
        return self.views[0][0]

    @classmethod
    def of(cls, table: Table, verdicts: Mapping[str, Verdict]) -> TableLayout:
        """Lay out a table; the verdicts are by the id of a record."""
        scores = {column.key: [entry.score(column) for entry in table.entries] for column in table.columns}
        kept = [
            column
            for column in table.columns
            if any(each.value is not None or each.link for each in scores[column.key])
        ]
        measured = [number for number, entry in enumerate(table.entries) if entry.source == "measured"]
        added, views = _views(table, kept, scores, measured)
        columns = tuple((column, (*column.groups, *added.get(column.key, ()))) for column in kept)
        rows = []
        for number, entry in enumerate(table.entries):
            cells = [
                _cell(column, shown_in, scores[column.key][number], _range(scores[column.key]), verdicts)
                for column, shown_in in columns
            ]
            rows.append((entry, tuple(cells)))
        return cls(
            table,
            safe_name(f"{table.suite}-{table.track}"),
            columns,
            views,
            tuple(rows),
            _filters(table.entries),
            tuple(column for column, shown_in in columns if views[0][0] in shown_in or SUMMARY in shown_in),
            _axes(table.entries),
        )


def _views(
    table: Table,
    columns: Sequence[Column],
    scores: Mapping[str, Sequence[CellScore]],
    measured: Sequence[int],
) -> tuple[dict[str, tuple[str, ...]], tuple[View, ...]]:
    """Choose the views and the one that opens: what was measured here has figures in it.

    With two of 28 data sets there is no mean: the summary would be a row of dashes and an empty chart.
    """
    views = [view for view in table.views if any(view[0] in column.groups for column in columns)]

    def has_figure(column: Column) -> bool:
        return any(scores[column.key][number].value is not None for number in measured)

    if not measured or any(SUMMARY in column.groups and has_figure(column) for column in columns):
        return {}, tuple(views)
    those = [column for column in columns if EVERY in column.groups and has_figure(column)]
    if not those:
        return {}, tuple(views)
    label = f"Measured here ({len(those)})"
    return {column.key: (_MEASURED,) for column in those}, ((_MEASURED, label), *views)


def _cell(
    column: Column,
    views: tuple[str, ...],
    score: CellScore,
    limits: tuple[float, float],
    verdicts: Mapping[str, Verdict],
) -> Cell:
    checked, wrong = _checked(verdicts.get(score.record))
    marks = "; ".join((*score.marks, *wrong))
    if score.value is None:
        empty = "failed" if score.link else "–"
        return Cell(column, views, empty, "", "", score.link, marks, "", "")
    low, high = limits
    heat = (score.value - low) / (high - low) if high > low else 0.5
    parts = [column.detail]
    if score.spread is not None:
        parts.append(f"standard deviation {shown(score.spread)} over {score.seeds} seeds")
    elif score.seeds == 1:
        parts.append("one seed")
    if score.low is not None and score.high is not None:
        parts.append(f"95% interval over test rows {shown(score.low)} to {shown(score.high)}")
    if score.earlier:
        parts.append(f"newest of {score.earlier + 1} records")
    return Cell(
        column,
        views,
        shown(score.value),
        shown(score.value, 4),
        "" if score.spread is None else shown(score.spread),
        score.link,
        "; ".join([*parts, *score.marks, *wrong, *checked]),
        marks,
        f"{heat:.3f}",
    )


def _checked(verdict: Verdict | None) -> tuple[list[str], list[str]]:
    """Say of a measured record what could be checked and what could not; and what is wrong with it."""
    if verdict is None or verdict.record is None or verdict.record.source == "published":
        return [], []
    left = verdict.names("not possible")
    said = f"checked: {', '.join(verdict.names('ok'))}"
    return [f"{said}; could not be checked: {', '.join(left)}" if left else said], [
        f"wrong: {problem}" for problem in verdict.problems
    ]


def _range(scores: Sequence[CellScore]) -> tuple[float, float]:
    known = [score.value for score in scores if score.value is not None]
    return (min(known), max(known)) if known else (0.0, 0.0)


def _filters(entries: Sequence[Entry]) -> dict[str, Sequence[tuple[str, str]]]:
    steps = sorted({entry.model.pretraining_steps for entry in entries if entry.model.pretraining_steps})
    return {
        "source": _choices(entry.source for entry in entries),
        "method": _choices(method_title(entry.method) for entry in entries),
        "backbone": _choices(entry.model.backbone for entry in entries),
        "tokenizer": _choices(entry.model.tokenizer for entry in entries),
        "strategy": _choices(entry.model.strategy for entry in entries),
        "steps": [(str(each), thousands(each)) for each in steps],
        "status": _choices("superseded" if entry.superseded else "current" for entry in entries),
    }


def _axes(entries: Sequence[Entry]) -> tuple[Axis, ...]:
    known = (("steps", "pretraining steps"), ("tokens", "tokens seen in pretraining"))
    return tuple(
        Axis(key, label)
        for key, label in known
        if any(getattr(entry.model, f"pretraining_{key}") for entry in entries)
    )


def _choices(values: Iterable[str | None]) -> list[tuple[str, str]]:
    return [(value, value) for value in sorted({value for value in values if value})]


def thousands(number: int | None) -> str:
    """Write a number of steps or tokens as people say it.

    Examples
    --------
    >>> thousands(120_000), thousands(1_500), thousands(40), thousands(2_600_000_000), thousands(None)
    ('120K', '1.5K', '40', '2.6G', '')
    """
    if not number:
        return ""
    for unit, size in (("G", 10**9), ("M", 10**6), ("K", 10**3)):
        if number >= size:
            return f"{number / size:.4g}{unit}"
    return str(number)
