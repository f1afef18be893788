"""The data sets of tasks: where their files lie, how they are read and checked, and parts drawn from them.

Knows the published folder layouts of `Task.layout`; tables of any other form are `harness.tables`.
"""

from dnamask_plugins.tasks.data.labelled import LabelledData, draw_shots, limit_rows
from dnamask_plugins.tasks.data.layout import find_file, hash_splits, suite_root
from dnamask_plugins.tasks.data.rows import read_labelled
from dnamask_plugins.tasks.data.splits import TaskData, read_task

__all__ = [
    "LabelledData",
    "TaskData",
    "draw_shots",
    "find_file",
    "hash_splits",
    "limit_rows",
    "read_labelled",
    "read_task",
    "suite_root",
]
