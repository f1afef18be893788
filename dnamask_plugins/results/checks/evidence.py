"""What the checks of a record look at."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.records import ResultRecord, RunInfo
from dnamask_plugins.tasks import Task, all_suites


class NotPossible(Exception):
    """A check could not be made; says why."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """A record, its predictions by seed, and the folder of the data sets where one was given."""

    path: Path
    record: ResultRecord
    predictions: Mapping[int, Predictions]
    data_folder: Path | None = None

    @property
    def run(self) -> RunInfo:
        """How a measured record came about."""
        assert self.record.run is not None
        return self.record.run

    @property
    def first(self) -> Predictions:
        """Predictions of a seed: labels and leaks are the same in all."""
        if not self.predictions:
            raise NotPossible("every seed failed")
        return next(iter(self.predictions.values()))

    @property
    def audit(self) -> Mapping[str, Any]:
        """What the audit of the data set found, as the record holds it."""
        if not self.run.audit:
            raise NotPossible("the record holds no audit of its data")
        return self.run.audit

    @functools.cached_property
    def task(self) -> Task:
        """The task as an installed suite knows it."""
        found = _known_tasks().get((self.record.task.suite, self.record.task.name))
        if found is None:
            raise NotPossible(f"no installed suite '{self.record.task.suite}' has this task")
        return found


@functools.cache
def _known_tasks() -> dict[tuple[str, str], Task]:
    return {(task.suite, task.name): task for tasks in all_suites().values() for task in tasks}


def known_hashes() -> dict[str, tuple[str, str]]:
    """Return task and split of every published file, by its SHA-256."""
    return {
        digest: (task.name, split)
        for task in _known_tasks().values()
        for split, digest in task.sha256.items()
    }
