"""What a suite of tasks promises: tasks that can be told apart, and settings that hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dnamask_plugins.tasks import fewshot, gue, gue_plus
from dnamask_plugins.tasks.recipes import FAMILIES, Recipe
from dnamask_plugins.tasks.task import Task
from dnamask_plugins.testing.core import promise, require


@dataclass(frozen=True)
class Suite:
    """Tasks under the name of their entry point.

    Attributes
    ----------
    name : str
    provided : callable or iterable of Task
        What the entry point names.
    """

    name: str
    provided: Callable[[], Iterable[Any]] | Iterable[Any]

    def tasks(self) -> tuple[Any, ...]:
        """Return what is provided, one after the other."""
        return tuple(self.provided() if callable(self.provided) else self.provided)

    def to_config(self) -> dict[str, Any]:
        """Return the name: a suite has no parameters."""
        return {"name": self.name}


@promise("tasks")
def provides_tasks(suite: Suite) -> None:
    """Give at least one task, and nothing else."""
    tasks = suite.tasks()
    other = [type(task).__name__ for task in tasks if not isinstance(task, Task)]
    require(
        bool(tasks) and not other,
        expected="instances of Task",
        came=", ".join(other) or "none",
        example="list(suite())",
    )


@promise("tasks", needs=("provides_tasks",))
def gives_the_same_tasks_each_time(suite: Suite) -> None:
    """Give the same tasks whenever it is asked."""
    first, again = suite.tasks(), suite.tasks()
    require(first == again, expected="equal tasks", came="others", example="suite() == suite()")


@promise("tasks", needs=("provides_tasks",))
def names_tell_tasks_apart(suite: Suite) -> None:
    """Call no two tasks by one name, and name the suite in each."""
    names = [task.name for task in suite.tasks()]
    twice = sorted({name for name in names if names.count(name) > 1})
    require(
        not twice,
        expected="names that differ",
        came=", ".join(twice),
        example="[task.name for task in suite()]",
    )
    unnamed = [task.name for task in suite.tasks() if not task.suite]
    require(not unnamed, expected="a suite in each task", came="none", example=f"{unnamed[:1]}")


@promise("tasks", needs=("provides_tasks",))
def is_not_taken_for_a_suite_that_ships_here(suite: Suite) -> None:
    """Leave the names of GUE, GUE+ and the few-shot tasks to their own data."""
    taken = {task.name: task for task in (*gue(), *gue_plus(), *fewshot())}
    clash = [task.name for task in suite.tasks() if taken.get(task.name, task) != task]
    require(not clash, expected="names of its own", came=", ".join(clash), example="task.name")


@promise("tasks", needs=("provides_tasks",))
def settings_hold_for_every_family(suite: Suite) -> None:
    """Have settings that can be trained with: for every family that is named, or for any model."""
    for task in suite.tasks():
        named = [family for family in (*FAMILIES, *task.recipes) if family in task.recipes] or ["any"]
        for family in named:
            recipe = task.recipe(family)
            require(
                isinstance(recipe, Recipe),
                expected="a Recipe",
                came=type(recipe).__name__,
                example=f"task.recipe({family!r}) of {task.name}",
            )
