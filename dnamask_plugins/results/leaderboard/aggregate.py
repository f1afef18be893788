"""From result records to tables: which figure goes where, and which means may be shown.

A mean is computed, never taken over from a paper, only over tasks of one metric, and only where all of its
data sets are there. Records in which dev stood in for train are left out. Models further pretrained on GUE's
own sequences form a track of their own. Of several records of one entry and task the newest counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dnamask_plugins.results.leaderboard.columns import Column, View, columns_of
from dnamask_plugins.results.leaderboard.relations import Relations, Superseded
from dnamask_plugins.results.methods import STANDARD
from dnamask_plugins.results.newest import newest
from dnamask_plugins.results.record_files import path_of
from dnamask_plugins.results.records import ModelInfo, ResultRecord
from dnamask_plugins.suite_names import suite_title, table_order
from dnamask_plugins.tasks import SPLITS
from dnamask_plugins.tasks.metrics import shown

_CHOICES = {"loss": "best dev loss", "metric": "best dev metric", "last": "last checkpoint"}


@dataclass(frozen=True)
class CellScore:
    """What a cell shows; metrics are fractions.

    ``spread`` is the standard deviation over seeds; ``low`` and ``high`` bound the bootstrap interval over
    test rows; ``marks`` say what a reader must know (failed or collapsed seeds, rows that were cut, missing
    data sets); ``record`` is the id of the record that a single figure comes from.
    """

    value: float | None
    spread: float | None = None
    low: float | None = None
    high: float | None = None
    seeds: int = 0
    marks: tuple[str, ...] = ()
    link: str = ""
    earlier: int = 0
    record: str = ""


@dataclass(frozen=True)
class Entry:
    """One row: a model, how it was fine-tuned, and whether its figures were measured or published.

    ``notes`` say what a reader must know of the size of the experiment, or who quotes these figures;
    ``superseded`` is what replaces this entry.
    """

    model: ModelInfo
    source: str
    method: str
    recipe: str
    origin: str
    url: str
    records: Mapping[str, ResultRecord] = field(default_factory=dict)
    earlier: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    superseded: Superseded | None = None

    def score(self, column: Column) -> CellScore:
        """Return what belongs into a column."""
        have = [task for task in column.tasks if task in self.records]
        if not column.is_mean:
            return _single(self.records[have[0]], self.earlier.get(have[0], 0)) if have else CellScore(None)
        singles = [_single(self.records[task], 0) for task in have]
        values = [single.value for single in singles if single.value is not None]
        if len(values) < len(column.tasks):
            return CellScore(
                None, marks=(f"{len(values)} of {len(column.tasks)} data sets",) if values else ()
            )
        spreads = [single.spread for single in singles if single.spread is not None]
        # The seeds of different tasks are independent: their variances add.
        spread = (
            float(np.sqrt(np.sum(np.square(spreads))) / len(values)) if len(spreads) == len(values) else None
        )
        troubled = sum(bool(single.marks) for single in singles)
        marks = (f"{troubled} data sets with marks of their own",) if troubled else ()
        return CellScore(
            float(np.mean(values)), spread, seeds=min(single.seeds for single in singles), marks=marks
        )


@dataclass(frozen=True)
class Table:
    """One suite and track."""

    suite: str
    track: str
    title: str
    columns: tuple[Column, ...]
    views: tuple[View, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Leaderboard:
    """Everything the page shows; ``left_out`` counts records trained on dev, ``repeats`` quoted figures."""

    tables: tuple[Table, ...]
    measured: int
    published: int
    left_out: int
    repeats: int = 0


def aggregate(records: Iterable[ResultRecord], relations: Relations | None = None) -> Leaderboard:
    """Arrange records in tables, one for each suite and track.

    Parameters
    ----------
    records : iterable of ResultRecord
    relations : Relations, optional
        Which records replace or repeat others.

    Returns
    -------
    Leaderboard
    """
    relations = relations or Relations()
    by_table: dict[tuple[str, str], list[ResultRecord]] = {}
    counts = {"measured": 0, "published": 0, "left out": 0}
    for record in records:
        if record.run is not None and record.run.dev_as_train:
            counts["left out"] += 1
            continue
        counts[record.source] += 1
        by_table.setdefault((record.task.suite, record.model.track), []).append(record)
    keys = sorted(by_table, key=lambda key: (table_order(key[0]), key[1] != STANDARD))
    tables, repeats = [], 0
    for suite, track in keys:
        entries = _entries(by_table[suite, track], relations)
        kept, repeated = _without_repeats(entries, relations)
        repeats += repeated
        columns, views = columns_of(suite, by_table[suite, track])
        tables.append(Table(suite, track, suite_title(suite), columns, views, tuple(kept)))
    return Leaderboard(
        tuple(tables), counts["measured"], counts["published"] - repeats, counts["left out"], repeats
    )


def _entries(records: Sequence[ResultRecord], relations: Relations) -> list[Entry]:
    grouped: dict[tuple[str | None, ...], dict[str, list[ResultRecord]]] = {}
    for record in records:
        model, origin = record.model, record.provenance.source if record.provenance else ""
        method, recipe = _method(record), _recipe(record)
        key = (model.name, model.revision, model.weights_sha256, record.source, method, recipe, origin)
        grouped.setdefault(key, {}).setdefault(record.task.name, []).append(record)
    entries = [_entry(tasks, relations) for tasks in grouped.values()]
    return sorted(
        entries, key=lambda entry: (entry.source, entry.model.name.lower(), entry.method, entry.recipe)
    )


def _entry(tasks: Mapping[str, Sequence[ResultRecord]], relations: Relations) -> Entry:
    last = {name: newest(items) for name, items in tasks.items()}
    record = newest(last.values())
    return Entry(
        record.model,
        record.source,
        _method(record),
        _recipe(record),
        record.provenance.source if record.provenance else "",
        record.provenance.url if record.provenance else "",
        last,
        {name: len(items) - 1 for name, items in tasks.items()},
        tuple(sorted({each.run.scale_note for each in last.values() if each.run} - {""})),
        relations.superseded.get(record.model.name) if record.source == "measured" else None,
    )


def _without_repeats(entries: Sequence[Entry], relations: Relations) -> tuple[list[Entry], int]:
    """Leave out figures that only quote another paper's, and say at the original who quotes them."""
    by_name = {(entry.model.name, entry.origin): entry for entry in entries}
    notes: dict[tuple[str, str], list[str]] = {}
    left: list[Entry] = []
    repeats = 0
    for entry in entries:
        quote = relations.quotes(entry.model.name, entry.origin) if entry.source == "published" else None
        original = None if quote is None else by_name.get((quote.of, quote.original))
        if original is None:
            left.append(entry)
            continue
        shared = [name for name in entry.records if name in original.records]
        equal = [name for name in shared if entry.records[name].mean == original.records[name].mean]
        repeats += len(entry.records)
        other = "".join(
            f"; there {name} is {shown(entry.records[name].mean)}" for name in shared if name not in equal
        )
        note = f"quoted as {entry.model.name} in {entry.origin}: {len(equal)} of {len(shared)} figures{other}"
        notes.setdefault((original.model.name, original.origin), []).append(note)
    return [
        replace(entry, notes=(*entry.notes, *notes.get((entry.model.name, entry.origin), ())))
        for entry in left
    ], repeats


def _single(record: ResultRecord, earlier: int) -> CellScore:
    marks = []
    if record.failed_seeds:
        marks.append(f"{len(record.failed_seeds)} of {len(record.seeds)} seeds failed")
    if record.collapsed_seeds:
        marks.append(f"{len(record.collapsed_seeds)} of {len(record.seeds)} seeds collapsed into one class")
    marks += cut_rows(record)
    interval = record.interval or {}
    seeds = len(record.seeds) - len(record.failed_seeds)
    link = path_of(record, "records").as_posix()
    return CellScore(
        record.mean,
        record.std,
        interval.get("low"),
        interval.get("high"),
        seeds,
        tuple(marks),
        link,
        earlier,
        record.id,
    )


def cut_rows(record: ResultRecord) -> list[str]:
    """Say which share of the rows lost tokens to ``max_length``; nothing where none did."""
    run = record.run
    if run is None:
        return []
    audited = (run.audit or {}).get("splits", {})
    rows = {split: each.get("rows") for split, each in audited.items()} | dict(run.rows)
    cut = {split: run.truncated[split] for split in SPLITS if run.truncated.get(split)}
    shares = [
        f"{count / rows[split]:.1%} of {split}" if rows.get(split) else f"{count} rows of {split}"
        for split, count in cut.items()
    ]
    return [f"cut to max_length: {', '.join(shares)}"] if shares else []


def _method(record: ResultRecord) -> str:
    return record.run.method if record.run else ""


def _recipe(record: ResultRecord) -> str:
    """Name the recipe with all that departs from it: other choices are other entries."""
    if record.run is None or record.run.method == "baseline":
        return ""
    recipe = record.run.recipe
    chosen = str(recipe.get("select_by") or record.run.select_by or "")
    words = [str(recipe.get("name", "")), _CHOICES.get(chosen, f"best {chosen}" if chosen else "")]
    if recipe.get("train_limit"):
        words.append(f"{recipe['train_limit']} training rows")
    overrides = recipe.get("overrides")
    if isinstance(overrides, Mapping):
        words += [f"{key}={value}" for key, value in sorted(overrides.items())]
    return ", ".join(filter(None, words))[:160]
