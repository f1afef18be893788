"""From result records to tables: which figure stands where, and which means may be shown.

A mean is computed, never taken over from a paper, only over tasks of one metric, and only where all of its
data sets are there. Records in which dev stood in for train are left out. Models further pretrained on GUE's
own sequences form a track of their own. Of several records of one entry and task the newest counts.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dnamask_plugins.errors import PluginError
from dnamask_plugins.results.record_files import path_of
from dnamask_plugins.results.records import ModelInfo, ResultRecord, TaskInfo
from dnamask_plugins.tasks import Task
from dnamask_plugins.tasks.metrics import METRICS

_CHOICES = {"loss": "best dev loss", "metric": "best dev metric", "last": "last checkpoint"}


@dataclass(frozen=True)
class ListedTask:
    """What a table needs of a task: nothing here becomes a path, so a record may name it as it likes."""

    name: str
    metric: str
    title: str
    species: str
    shots: int | None

    @classmethod
    def of(cls, task: Task | TaskInfo) -> ListedTask:
        """Take it from an installed task or from a record's."""
        return cls(task.name, task.metric, getattr(task, "title", ""), task.species, task.shots)

    @property
    def group(self) -> str:
        """First part of the name."""
        return self.name.split("/")[0]


@dataclass(frozen=True)
class Column:
    """One figure per model: of a task, or the mean over several.

    Attributes
    ----------
    key : str
        Unique within its table.
    label, detail : str
        What the head shows, and what it says on hovering.
    metric : str
    tasks : tuple of str
        One task, or all that the mean needs.
    groups : tuple of str
        Views that show the column; ``summary`` is the first one.
    """

    key: str
    label: str
    detail: str
    metric: str
    tasks: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def is_mean(self) -> bool:
        """True for a computed mean."""
        return len(self.tasks) > 1


@dataclass(frozen=True)
class Figure:
    """What a cell shows; metrics are fractions.

    ``spread`` is the standard deviation over seeds; ``low`` and ``high`` bound the bootstrap interval over
    test rows; ``marks`` say what a reader must know (failed or collapsed seeds, missing data sets).
    """

    value: float | None
    spread: float | None = None
    low: float | None = None
    high: float | None = None
    seeds: int = 0
    marks: tuple[str, ...] = ()
    link: str = ""
    earlier: int = 0


@dataclass(frozen=True)
class Entry:
    """One row: a model, how it was fine-tuned, and whether its figures were measured or published.

    ``notes`` say what a reader must know of the size of the experiment.
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

    def figure(self, column: Column) -> Figure:
        """Return what belongs into a column."""
        have = [task for task in column.tasks if task in self.records]
        if not column.is_mean:
            return _single(self.records[have[0]], self.earlier.get(have[0], 0)) if have else Figure(None)
        singles = [_single(self.records[task], 0) for task in have]
        values = [single.value for single in singles if single.value is not None]
        if len(values) < len(column.tasks):
            return Figure(None, marks=(f"{len(values)} of {len(column.tasks)} data sets",) if values else ())
        spreads = [single.spread for single in singles if single.spread is not None]
        # The seeds of different tasks are independent: their variances add.
        spread = (
            float(np.sqrt(np.sum(np.square(spreads))) / len(values)) if len(spreads) == len(values) else None
        )
        troubled = sum(bool(single.marks) for single in singles)
        marks = (f"{troubled} data sets with failed or collapsed seeds",) if troubled else ()
        return Figure(
            float(np.mean(values)), spread, seeds=min(single.seeds for single in singles), marks=marks
        )


@dataclass(frozen=True)
class Table:
    """One suite and track."""

    suite: str
    track: str
    title: str
    columns: tuple[Column, ...]
    views: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Leaderboard:
    """Everything the page shows; ``left_out`` counts records trained on dev."""

    tables: tuple[Table, ...]
    measured: int
    published: int
    left_out: int


def aggregate(records: Iterable[ResultRecord]) -> Leaderboard:
    """Arrange records in tables, one for each suite and track.

    Parameters
    ----------
    records : iterable of ResultRecord

    Returns
    -------
    Leaderboard
    """
    kept, left_out = [], 0
    for record in records:
        if record.run is not None and record.run.dev_as_train:
            left_out += 1
        else:
            kept.append(record)
    by_table: dict[tuple[str, str], list[ResultRecord]] = {}
    for record in kept:
        by_table.setdefault((record.task.suite, record.model.track), []).append(record)
    order = {"gue": 0, "fewshot": 1, "gue_plus": 2}
    keys = sorted(by_table, key=lambda key: (order.get(key[0], 9), key[0], key[1] != "standard"))
    tables = []
    for suite, track in keys:
        columns, views = _columns(suite, by_table[suite, track])
        tables.append(
            Table(suite, track, _title(suite), columns, views, tuple(_entries(by_table[suite, track])))
        )
    measured = sum(record.source == "measured" for record in kept)
    return Leaderboard(tuple(tables), measured, len(kept) - measured, left_out)


def _entries(records: Sequence[ResultRecord]) -> list[Entry]:
    grouped: dict[tuple[str | None, ...], dict[str, list[ResultRecord]]] = {}
    for record in records:
        model, origin = record.model, record.provenance.source if record.provenance else ""
        method, recipe = _method(record), _recipe(record)
        key = (model.name, model.revision, model.weights_sha256, record.source, method, recipe, origin)
        grouped.setdefault(key, {}).setdefault(record.task.name, []).append(record)
    entries = []
    for tasks in grouped.values():
        newest = {name: max(items, key=_age) for name, items in tasks.items()}
        record = max(newest.values(), key=_age)
        entries.append(
            Entry(
                record.model,
                record.source,
                _method(record),
                _recipe(record),
                record.provenance.source if record.provenance else "",
                record.provenance.url if record.provenance else "",
                newest,
                {name: len(items) - 1 for name, items in tasks.items()},
                tuple(sorted({each.run.scale_note for each in newest.values() if each.run} - {""})),
            )
        )
    return sorted(
        entries, key=lambda entry: (entry.source, entry.model.name.lower(), entry.method, entry.recipe)
    )


def _age(record: ResultRecord) -> tuple[str, str]:
    return record.created, record.id


def _single(record: ResultRecord, earlier: int) -> Figure:
    marks = []
    if record.failed_seeds:
        marks.append(f"{len(record.failed_seeds)} of {len(record.seeds)} seeds failed")
    if record.collapsed_seeds:
        marks.append(f"{len(record.collapsed_seeds)} of {len(record.seeds)} seeds collapsed into one class")
    interval = record.interval or {}
    seeds = len(record.seeds) - len(record.failed_seeds)
    link = path_of(record, "records").as_posix()
    return Figure(
        record.mean, record.std, interval.get("low"), interval.get("high"), seeds, tuple(marks), link, earlier
    )


def _columns(
    suite: str, records: Sequence[ResultRecord]
) -> tuple[tuple[Column, ...], tuple[tuple[str, str], ...]]:
    tasks = _tasks_of(suite)
    complete = bool(tasks)
    named = {task.name for task in tasks}
    extra = {record.task.name: record.task for record in records if record.task.name not in named}
    tasks += tuple(ListedTask.of(task) for _, task in sorted(extra.items()))
    groups: dict[tuple[str, str, str], list[ListedTask]] = {}
    for task in tasks:
        groups.setdefault((task.group, task.title, task.species), []).append(task)
    labels = _group_labels(list(groups))
    columns: list[Column] = []
    if complete:
        columns += _suite_means([task for task in tasks if task.name in named])
    views = [("summary", "Summary")]
    details: list[Column] = []
    for number, (key, members) in enumerate(groups.items()):
        view = f"g{number}"
        views.append((view, labels[key]))
        if len(members) == 1:
            columns.append(_task_column(members[0], labels[key], ("summary", view)))
            continue
        metrics = {task.metric for task in members}
        if len(metrics) == 1 and complete and not any(task.shots for task in members):
            columns.append(_mean_column(f"mean-{view}", labels[key], members, ("summary", view)))
        in_views = ("summary", view) if any(task.shots for task in members) else (view,)
        details += [_task_column(task, _short(task), in_views) for task in members]
    views.append(("every", "Every data set"))
    return tuple(columns + details), tuple(views)


def _suite_means(tasks: Sequence[ListedTask]) -> list[Column]:
    columns: list[Column] = []
    for metric in dict.fromkeys(task.metric for task in tasks):
        same = [task for task in tasks if task.metric == metric]
        shots = sorted({task.shots for task in same if task.shots})
        if shots:
            parts = [(f"{count} shots", [task for task in same if task.shots == count]) for count in shots]
        else:
            human = [task for task in same if task.species == "human"]
            parts = [
                ("All", same),
                ("Human", human),
                ("Non-human", [task for task in same if task not in human]),
            ]
        for label, members in parts:
            if len(members) > 1:
                columns.append(
                    _mean_column(
                        f"mean-{metric}-{label.lower().replace(' ', '-')}", label, members, ("summary",)
                    )
                )
    return columns


def _mean_column(key: str, label: str, tasks: Sequence[ListedTask], groups: tuple[str, ...]) -> Column:
    metric = METRICS[tasks[0].metric].title
    detail = f"mean {metric} of {len(tasks)} data sets: {', '.join(task.name for task in tasks)}"
    return Column(key, label, detail, metric, tuple(task.name for task in tasks), groups)


def _task_column(task: ListedTask, label: str, groups: tuple[str, ...]) -> Column:
    metric = METRICS[task.metric].title
    return Column(
        f"task-{task.name}", label, f"{task.name}, {metric}", metric, (task.name,), (*groups, "every")
    )


def _group_labels(keys: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], str]:
    plain = {key: _without_verb(key[1]) or key[0] for key in keys}
    labels = {}
    for key, label in plain.items():
        twins = [other for other, same in plain.items() if same == label]
        distinct = {other[2] for other in twins}
        hint = "" if len(twins) == 1 else key[2] if len(distinct) == len(twins) else key[0]
        labels[key] = f"{label}, {hint}" if hint else label
    return labels


def _without_verb(title: str) -> str:
    for ending in (" prediction", " detection", " classification"):
        title = title.removesuffix(ending)
    return title


def _short(task: ListedTask) -> str:
    tail = task.name.split("/", 1)[-1]
    for prefix in ("prom_core_", "prom_300_"):
        tail = tail.removeprefix(prefix)
    return f"{task.name.split('/')[0]} {tail}" if task.shots or tail.isdigit() else tail


def _title(suite: str) -> str:
    return {"gue": "GUE", "gue_plus": "GUE+", "fewshot": "Few-shot"}.get(suite, suite)


@functools.cache
def _tasks_of(suite: str) -> tuple[ListedTask, ...]:
    from dnamask_plugins.plugins import load

    try:
        return tuple(map(ListedTask.of, load("tasks", suite)()))
    except PluginError:
        # A suite that is not installed here: its records are shown, but nobody knows when a mean is complete.
        return ()


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
