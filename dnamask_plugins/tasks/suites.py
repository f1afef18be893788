"""Suites: GUE, GUE+ and few-shot, which ship here, and those of installed third parties."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from dnamask_plugins import plugins
from dnamask_plugins.errors import ConfigError, PluginError, suggest
from dnamask_plugins.files import parse_toml
from dnamask_plugins.suite_names import FEWSHOT, GENOMIC_BENCHMARKS, GUE, GUE_PLUS, NUCLEOTIDE_TRANSFORMER
from dnamask_plugins.tasks.task import Task
from dnamask_plugins.tasks.task_file import load_tasks, parse_tasks


@functools.cache
def _shipped(name: str) -> tuple[Task, ...]:
    content = files(__package__).joinpath(f"{name}.toml").read_bytes()
    return parse_tasks(parse_toml(content), f"{name}.toml")


def gue() -> tuple[Task, ...]:
    """Return the 28 data sets of GUE.

    Examples
    --------
    >>> [task.name for task in gue() if task.group == "mouse"]
    ['mouse/0', 'mouse/1', 'mouse/2', 'mouse/3', 'mouse/4']
    """
    return _shipped(GUE)


def gue_plus() -> tuple[Task, ...]:
    """Return the sets of GUE+: six of enhancer-promoter pairs, fungi and virus species."""
    return _shipped(GUE_PLUS)


def fewshot() -> tuple[Task, ...]:
    """Return the few-shot tasks of GeneMask and CM-GEMS: five data sets at five sizes."""
    return _shipped(FEWSHOT)


def nucleotide_transformer() -> tuple[Task, ...]:
    """Return the 18 tasks of the Nucleotide Transformer; their files are read as tables."""
    return _shipped(NUCLEOTIDE_TRANSFORMER)


def genomic_benchmarks() -> tuple[Task, ...]:
    """Return seven tasks of Genomic Benchmarks; their files are intervals on a genome."""
    return _shipped(GENOMIC_BENCHMARKS)


def all_suites() -> dict[str, tuple[Task, ...]]:
    """Return the tasks of every installed suite that loads, by suite name.

    A suite is a function that returns tasks, or the tasks themselves. One that does not load is left out with
    a warning that names its distribution, for it must not keep others from running.
    """
    suites = {}
    for name, providers in plugins.discover("tasks").items():
        try:
            suites[name] = _load_suite(name, providers[0].origin)
        except PluginError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
    return suites


def _load_suite(name: str, origin: str) -> tuple[Task, ...]:
    loaded = plugins.load("tasks", name)
    try:
        tasks = tuple(loaded() if callable(loaded) else loaded)
    except Exception as error:  # a third party's code raises what it likes
        raise PluginError(
            f"tasks '{name}' of {origin} cannot be listed: "
            f"{type(error).__name__}: {error}; update or uninstall it"
        ) from error
    wrong = next((task for task in tasks if not isinstance(task, Task)), None)
    if wrong is not None:
        raise PluginError(
            f"tasks '{name}' of {origin} gives a "
            f"{type(wrong).__name__} instead of a Task; update or uninstall it"
        )
    return tasks


def select_tasks(expression: str, tasks: Sequence[Task], extra: Iterable[Task] = ()) -> tuple[Task, ...]:
    """Pick tasks by a comma-separated expression.

    Parameters
    ----------
    expression : str
        ``all``; groups (``prom``); names (``EMP/H3``); a path of a TOML file adds and takes its tasks.
    tasks : sequence of Task
        What ``all`` means.
    extra : iterable of Task
        More tasks that can be named.

    Returns
    -------
    tuple of Task
        Each once, in the order asked for.

    Raises
    ------
    ConfigError
        A name is not known.

    Examples
    --------
    >>> [task.name for task in select_tasks("virus,mouse/3", gue())]
    ['virus/covid', 'mouse/3']
    """
    return of_words(expression, functools.partial(_named, tasks=tasks, extra=extra))


def of_words(expression: str, find: Callable[[str], Sequence[Task]]) -> tuple[Task, ...]:
    """Return the tasks that the words of a comma-separated expression mean, each once, in their order.

    Raises
    ------
    ConfigError
        There is no word.
    """
    words = filter(None, (part.strip() for part in expression.split(",")))
    chosen = {task.name: task for word in words for task in find(word)}
    if not chosen:
        raise ConfigError(
            "no task was named; give --tasks all, a group such as prom, or names such as EMP/H3"
        )
    return tuple(chosen.values())


def _named(word: str, tasks: Sequence[Task], extra: Iterable[Task]) -> Sequence[Task]:
    if word.endswith(".toml"):
        return load_tasks(Path(word))
    if word == "all":
        return tasks
    known = (*tasks, *extra)
    found = [task for task in known if task.name == word] or [task for task in known if task.group == word]
    if not found:
        options = {task.name for task in known} | {task.group for task in known} | {"all"}
        raise ConfigError(f"no task is called '{word}'; {suggest(word, options)}")
    return found
