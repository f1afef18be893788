"""Columns of a table: the tasks of a suite and the means over them, and which view shows which."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from dnamask_plugins.errors import PluginError
from dnamask_plugins.plugins import load
from dnamask_plugins.results.records import ResultRecord, TaskInfo
from dnamask_plugins.tasks import Task
from dnamask_plugins.tasks.metrics import METRICS

SUMMARY = "summary"
EVERY = "every"
View = tuple[str, str]
"""Key and label."""


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
        Views that show the column; `SUMMARY` is the first one.
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


def columns_of(suite: str, records: Sequence[ResultRecord]) -> tuple[tuple[Column, ...], tuple[View, ...]]:
    """Lay out a table: means first, then the single data sets; the views in the order of their buttons."""
    tasks = _tasks_of(suite)
    named = {task.name for task in tasks}
    extra = {record.task.name: record.task for record in records if record.task.name not in named}
    groups = _groups((*tasks, *(ListedTask.of(task) for _, task in sorted(extra.items()))))
    labels = _group_labels(list(groups))
    columns = _suite_means(tasks)
    details: list[Column] = []
    views: list[View] = [(SUMMARY, "Summary")]
    for number, (key, members) in enumerate(groups.items()):
        view = (f"g{number}", labels[key])
        views.append(view)
        first, later = _group_columns(view, members, complete=bool(tasks))
        columns += first
        details += later
    return tuple(columns + details), (*views, (EVERY, "Every data set"))


def _groups(tasks: Sequence[ListedTask]) -> dict[tuple[str, str, str], list[ListedTask]]:
    groups: dict[tuple[str, str, str], list[ListedTask]] = {}
    for task in tasks:
        groups.setdefault((task.group, task.title, task.species), []).append(task)
    return groups


def _group_columns(
    view: View, members: Sequence[ListedTask], complete: bool
) -> tuple[list[Column], list[Column]]:
    """Return what a group adds to the summary, and its single data sets, which follow it."""
    key, label = view
    if len(members) == 1:
        return [_task_column(members[0], label, (SUMMARY, key))], []
    few_shots = any(task.shots for task in members)
    one_metric = len({task.metric for task in members}) == 1
    means = []
    # Of a suite that is not installed nobody knows when a mean is complete.
    if one_metric and complete and not few_shots:
        means.append(_mean_column(f"mean-{key}", label, members, (SUMMARY, key)))
    shown_in = (SUMMARY, key) if few_shots else (key,)
    return means, [_task_column(task, _short(task), shown_in) for task in members]


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
                        f"mean-{metric}-{label.lower().replace(' ', '-')}", label, members, (SUMMARY,)
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
        f"task-{task.name}", label, f"{task.name}, {metric}", metric, (task.name,), (*groups, EVERY)
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
    # Beside the other sets "tata" alone could be either.
    for prefix, short in (("prom_core_", "core "), ("prom_300_", "300 ")):
        tail = short + tail.removeprefix(prefix) if tail.startswith(prefix) else tail
    return f"{task.name.split('/')[0]} {tail}" if task.shots or tail.isdigit() else tail


@functools.cache
def _tasks_of(suite: str) -> tuple[ListedTask, ...]:
    try:
        return tuple(map(ListedTask.of, load("tasks", suite)()))
    except PluginError:
        # A suite that is not installed here: its records are shown, but nobody knows when a mean is complete.
        return ()
