"""How a task is written in the layout of the harness: a label, and the task file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from dnamask_plugins.tasks import Task


def label_text(value: Any) -> str:
    """Write a label as the harness reads it: a class number, a fraction, or zeros and ones.

    Examples
    --------
    >>> label_text(np.int64(3)), label_text(np.float64(0.5)), label_text(np.array([0, 1]))
    ('3', '0.5', '0 1')
    """
    if np.ndim(value):
        return " ".join(str(int(each)) for each in value)
    return repr(float(value)) if isinstance(value, float) else str(int(value))


def task_toml(task: Task) -> str:
    """Return a task file of a task whose data lie in the layout of the harness."""
    values: dict[str, Any] = {"name": task.name, "kind": task.kind, "metric": task.metric}
    if task.classes is not None:
        values["classes"] = task.classes
    if task.labels:
        values["labels"] = list(task.labels)
    if task.pair:
        values["pair"] = True
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([f'[suite]\nname = "{task.suite}"\n\n[[task]]', *lines]) + "\n"
