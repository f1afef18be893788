"""All splits of a task: read together, and their classes checked against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dnamask_plugins.errors import InputError
from dnamask_plugins.tasks.data.labelled import LabelledData
from dnamask_plugins.tasks.data.layout import find_file
from dnamask_plugins.tasks.data.rows import read_labelled
from dnamask_plugins.tasks.task import SPLITS, Task


@dataclass(frozen=True, eq=False)
class TaskData:
    """All that a trial trains and tests on.

    Attributes
    ----------
    task : Task
    classes : int
        Number of classes, from the task or else from train; of labels; 1 for a regression.
    train, test : LabelledData
    dev : LabelledData or None
        None where the task has no dev split.
    dev_as_train : bool
        The train file was missing and dev stands in for it.
    """

    task: Task
    classes: int
    train: LabelledData
    dev: LabelledData | None
    test: LabelledData
    dev_as_train: bool = False

    @property
    def splits(self) -> dict[str, LabelledData]:
        """The files that were read; train is left out where dev stands in for it."""
        found = {"train": self.train, "dev": self.dev, "test": self.test}
        if self.dev_as_train:
            del found["train"]
        return {name: data for name, data in found.items() if data is not None}


def read_task(folder: Path, task: Task, *, dev_as_train: bool = False) -> TaskData:
    """Read and check every split of a task.

    Parameters
    ----------
    folder : Path
        The suite's folder.
    task : Task
    dev_as_train : bool
        Train on dev where the train file is missing (never a figure for a leaderboard).

    Returns
    -------
    TaskData

    Raises
    ------
    InputError
        A file is missing or wrong; one line that names file and row.
    """
    paths = {split: find_file(folder, task, split) for split in SPLITS}
    if paths["test"] is None:
        raise InputError(
            f"{folder / task.name}: no test file for {task.name}; {task.how_to_get} or leave it out"
        )
    stand_in = paths["train"] is None and dev_as_train and paths["dev"] is not None
    if paths["train"] is None and not stand_in:
        hint = "; or --allow-dev-as-train" if paths["dev"] is not None else ""
        raise InputError(f"{folder / task.name}: no train file for {task.name}; {task.how_to_get}{hint}")
    if task.has_dev and paths["dev"] is None:
        raise InputError(
            f"{folder / task.name}: no dev file for {task.name}; {task.how_to_get} or leave it out"
        )
    read = {split: read_labelled(path, task) for split, path in paths.items() if path is not None}
    train = read["dev"] if stand_in else read["train"]
    classes = _check_classes(task, train, [data for data in read.values() if data is not train])
    return TaskData(task, classes, train, read.get("dev"), read["test"], stand_in)


def _check_classes(task: Task, train: LabelledData, others: Sequence[LabelledData]) -> int:
    if task.kind != "classification":
        return task.classes or 1
    seen = set(train.labels.tolist())
    classes = task.classes or max(seen) + 1
    if classes < 2:
        raise InputError(
            f"{train.path}: all {len(train)} rows have label 0, but a classification needs two classes; "
            "use the whole file"
        )
    missing = sorted(set(range(classes)) - seen)
    if missing:
        raise InputError(
            f"{train.path}: no row of class {', '.join(map(str, missing))} in {len(train)} rows, but "
            f"{task.name} has {classes} classes; a model cannot learn what it never sees: use the whole file"
        )
    for data in others:
        strange = np.flatnonzero(~np.isin(data.labels, list(seen)))
        if strange.size:
            raise InputError(
                f"{data.path}: row {strange[0] + 1} below the header has label {data.labels[strange[0]]}, "
                f"which never stands in {train.path.name}; correct it"
            )
    return classes
