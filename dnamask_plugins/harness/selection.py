"""Which tasks and seeds a command line means."""

from __future__ import annotations

from collections.abc import Sequence

from dnamask_plugins.errors import ConfigError, PluginError
from dnamask_plugins.suite_names import OF_FEWSHOT, OF_GUE
from dnamask_plugins.tasks import Task, all_suites, select_tasks
from dnamask_plugins.tasks.suites import of_words


def tasks_of(expression: str, suites: Sequence[str]) -> tuple[Task, ...]:
    """Pick tasks; ``all`` means the first suite, a suite's name all of its tasks."""
    known = all_suites()
    if suites[0] not in known:
        raise PluginError(
            f"the tasks of {suites[0]} do not load (see the warning); install dnamask-plugins again"
        )
    others = [task for name, tasks in known.items() if name != suites[0] for task in tasks]
    extra = [task for task in others if _is_for(task, suites)]
    return of_words(expression, lambda word: known.get(word) or select_tasks(word, known[suites[0]], extra))


def _is_for(task: Task, suites: Sequence[str]) -> bool:
    """Whether a task of another suite can be asked for: one of this command's, or a third party's."""
    return task.suite in suites or task.suite not in (*OF_GUE, *OF_FEWSHOT)


def parse_seeds(text: str) -> tuple[int, ...]:
    """Turn ``0,1,2`` into numbers.

    Examples
    --------
    >>> parse_seeds("0,1, 2")
    (0, 1, 2)
    """
    try:
        seeds = tuple(dict.fromkeys(int(word) for word in text.split(",") if word.strip()))
    except ValueError:
        raise ConfigError(f"--seeds {text}: give whole numbers by comma, for example 0,1,2") from None
    if not seeds or min(seeds) < 0:
        raise ConfigError(f"--seeds {text}: give whole numbers from 0, for example 0,1,2")
    return seeds


def named_one_by_one(expression: str) -> bool:
    """Whether every word names one task, so that a missing one is an error."""
    return all("/" in word and not word.endswith(".toml") for word in expression.split(",") if word.strip())
