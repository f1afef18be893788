"""Tasks are data: a task comes from a TOML file, a suite is a list of tasks.

Those of GUE, GUE+ and few-shot ship here; third parties name a function that returns tasks in the entry-point
group ``dnamask.tasks``, or give a TOML file of the same form. `data` reads their files, `audit` says what is
wrong with them. May import the ground floor, `plugins` and `corpus`.
"""

from dnamask_plugins.tasks.metrics import KINDS, Kind, metrics_of
from dnamask_plugins.tasks.suites import (
    all_suites,
    fewshot,
    genomic_benchmarks,
    gue,
    gue_plus,
    nucleotide_transformer,
    select_tasks,
)
from dnamask_plugins.tasks.task import SPLITS, Layout, Split, Task
from dnamask_plugins.tasks.task_file import load_tasks, parse_tasks

__all__ = [
    "KINDS",
    "SPLITS",
    "Kind",
    "Layout",
    "Split",
    "Task",
    "all_suites",
    "fewshot",
    "genomic_benchmarks",
    "gue",
    "gue_plus",
    "load_tasks",
    "metrics_of",
    "nucleotide_transformer",
    "parse_tasks",
    "select_tasks",
]
