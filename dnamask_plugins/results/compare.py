"""Two models on the same tasks: which differences are more than noise.

Differences are B minus A, so that a positive one says that B is better. The interval comes from a bootstrap
in which both models see the same resampled test rows (paired), and in which each model's seeds are drawn
again as well, because a difference that rests on one lucky seed is noise too. McNemar's exact test looks at
the rows only: is B's vote over its seeds right where A's is wrong more often than the other way round?
Where seeds differ much it calls far too many differences real, so that the verdict rests on the interval.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import InputError
from dnamask_plugins.results.paired import difference_draws, mcnemar, vote
from dnamask_plugins.results.records import ResultRecord
from dnamask_plugins.results.resampling import LEVEL, RESAMPLES, percentile_interval
from dnamask_plugins.results.sides import Side, caveats, predictions_of

VERDICTS: Final = ("B better", "A better", "within noise", "untested")


@dataclass(frozen=True)
class TaskComparison:
    """One task.

    Attributes
    ----------
    task, metric, species : str
    a, b, difference : float
        Means over seeds, and B minus A.
    low, high : float or None
        95% interval of the difference; None where a side has no predictions (published figures).
    only_a_right, only_b_right : int or None
        Test rows that only one side's vote gets right.
    mcnemar_p : float or None
    verdict : str
        One of `VERDICTS`.
    note : str
    """

    task: str
    metric: str
    species: str
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    only_a_right: int | None
    only_b_right: int | None
    mcnemar_p: float | None
    verdict: str
    note: str = ""


@dataclass(frozen=True)
class GroupComparison:
    """Mean over the shared tasks of a species group that have one metric."""

    group: str
    metric: str
    tasks: int
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """All shared tasks, groups, and what could not be compared."""

    a: str
    b: str
    tasks: tuple[TaskComparison, ...]
    groups: tuple[GroupComparison, ...]
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]

    def count(self, verdict: str) -> int:
        """Count the tasks with a verdict."""
        return sum(task.verdict == verdict for task in self.tasks)

    @property
    def counts(self) -> dict[str, int]:
        """``wins, losses, ties`` of B among tested tasks, and the untested ones by the sign alone."""
        untested = [task for task in self.tasks if task.verdict == "untested"]
        return {
            "wins": self.count("B better"),
            "ties": self.count("within noise"),
            "losses": self.count("A better"),
            "untested_higher": sum(task.difference > 0 for task in untested),
            "untested_equal": sum(task.difference == 0 for task in untested),
            "untested_lower": sum(task.difference < 0 for task in untested),
        }

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {**asdict(self), "counts": self.counts, "level": LEVEL}


def compare(a: Side, b: Side, *, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Compare two models on the tasks that both have.

    Raises
    ------
    InputError
        They share no task, or records of one task disagree about its test rows or metric.
    """
    shared = sorted(set(a.by_task) & set(b.by_task))
    if not shared:
        raise InputError(f"'{a.name}' and '{b.name}' have no task in common; run both on the same tasks")
    tasks, draws = [], {}
    for index, name in enumerate(shared):
        task, drawn = _compare_task(a.by_task[name], b.by_task[name], resamples, seed + index)
        if task is not None:
            tasks.append(task)
            draws[name] = drawn
    return Comparison(
        a.name,
        b.name,
        tuple(tasks),
        tuple(_groups(tasks, draws)),
        tuple(sorted(set(a.by_task) - set(b.by_task))),
        tuple(sorted(set(b.by_task) - set(a.by_task))),
    )


def _compare_task(
    a: tuple[ResultRecord, Path], b: tuple[ResultRecord, Path], resamples: int, seed: int
) -> tuple[TaskComparison | None, NDArray[np.float64] | None]:
    first, second = a[0], b[0]
    task = first.task
    if task.metric != second.task.metric:
        raise InputError(
            f"{b[1]}: metric {second.task.metric}, but {task.metric} in {a[1]}; run both the same way"
        )
    if first.mean is None or second.mean is None:
        return None, None
    low = high = p = draws = only_a = only_b = None
    note = "; ".join(filter(None, (caveats("A", first), caveats("B", second))))
    if first.source == second.source == "measured":
        left, right = predictions_of(*a), predictions_of(*b)
        if not np.array_equal(left[0].labels, right[0].labels):
            raise InputError(f"{task.name}: {a[1]} and {b[1]} saw different test rows; use one file")
        draws = difference_draws(task.metric, left, right, task.classes, resamples, seed)
        low, high = percentile_interval(draws)
        right_a = vote([item.predictions for item in left], task.classes) == left[0].labels
        right_b = vote([item.predictions for item in right], task.classes) == left[0].labels
        only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
        p = mcnemar(only_a, only_b)
    comparison = TaskComparison(
        task.name,
        task.metric,
        task.species,
        first.mean,
        second.mean,
        second.mean - first.mean,
        low,
        high,
        only_a,
        only_b,
        p,
        _verdict(low, high),
        note,
    )
    return comparison, draws


def _groups(
    tasks: Sequence[TaskComparison], draws: Mapping[str, NDArray[np.float64] | None]
) -> list[GroupComparison]:
    members: dict[tuple[str, str], list[TaskComparison]] = {}
    for task in tasks:
        for group in ("all", "human" if task.species == "human" else "non-human"):
            members.setdefault((group, task.metric), []).append(task)
    order = ("human", "non-human", "all")
    result = []
    for (group, metric), items in sorted(
        members.items(), key=lambda item: (item[0][1], order.index(item[0][0]))
    ):
        drawn = [values for item in items if (values := draws[item.task]) is not None]
        low, high = percentile_interval(np.mean(drawn, axis=0)) if len(drawn) == len(items) else (None, None)
        a, b = (float(np.mean([getattr(item, side) for item in items])) for side in "ab")
        result.append(GroupComparison(group, metric, len(items), a, b, b - a, low, high, _verdict(low, high)))
    return result


def _verdict(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "untested"
    return "B better" if low > 0 else "A better" if high < 0 else "within noise"


def to_csv(comparison: Comparison) -> str:
    """Write the tasks as CSV."""
    stream = io.StringIO()
    names = list(asdict(comparison.tasks[0])) if comparison.tasks else []
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(task) for task in comparison.tasks)
    return stream.getvalue()
