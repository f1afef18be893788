"""Tasks from a TOML file, the form that suites ship in and users write."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from dnamask_plugins.checking import checked
from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.files import read_toml
from dnamask_plugins.tasks.metrics import KINDS, metrics_of
from dnamask_plugins.tasks.task import Layout, Task


@dataclass(frozen=True)
class _Suite:
    """What ``[suite]`` may say of all tasks."""

    name: str = "own"
    layout: str = "gue"
    hub: str = ""
    get: str = ""


def load_tasks(path: Path) -> tuple[Task, ...]:
    """Read a suite of tasks from a TOML file.

    Raises
    ------
    InputError
        The file cannot be read or is no TOML.
    ConfigError
        A setting is unknown or out of range.
    """
    return tuple(_beside(task, path) for task in parse_tasks(read_toml(path, "tasks"), str(path)))


def _beside(task: Task, path: Path) -> Task:
    """Take files that a task names from the folder of its file."""
    files = {
        key: str(path.parent / task.table[key]) for key in ("dev_file", "test_file") if key in task.table
    }
    data = str(path.parent / task.data) if task.data else ""
    return dataclasses.replace(task, data=data, table={**task.table, **files})


def parse_tasks(content: Mapping[str, Any], where: str) -> tuple[Task, ...]:
    """Make tasks from the content of a TOML file; `where` begins the error messages."""
    table, tasks, shared = content.get("suite", {}), content.get("task"), content.get("recipes", {})
    if not isinstance(table, Mapping) or not tasks:
        raise ConfigError(f"{where}: needs one [[task]] at least, with a name")
    names = [each.name for each in dataclasses.fields(_Suite)]
    given = {key: table[key] for key in names if key in table}
    suite = _Suite(**checked(_Suite, given, f"{where}: [suite]"))
    _check_tables(shared, f"{where}: [recipes]")
    if not isinstance(tasks, list) or not all(isinstance(values, Mapping) for values in tasks):
        raise ConfigError(f"{where}: 'task' is no list of tables; write [[task]] above each")
    return tuple(_parse_task(values, suite, shared, where) for values in tasks)


def _parse_task(
    values: Mapping[str, Any], suite: _Suite, shared: Mapping[str, Mapping[str, Any]], where: str
) -> Task:
    known = {item.name for item in dataclasses.fields(Task)} - {"suite", "layout", "hub_config"}
    for key in values:
        if key not in known:
            raise ConfigError(
                f"{where}: task {values.get('name', '?')}: unknown key '{key}'; {suggest(key, known)}"
            )
    if "name" not in values:
        raise ConfigError(f"{where}: a [[task]] without 'name'; add it")
    checked(Task, values, f"{where}: task {values['name']}")
    own = values.get("recipes", {})
    _check_tables(own, f"{where}: task {values['name']}: recipes")
    recipes = {family: {**shared.get(family, {}), **own.get(family, {})} for family in (*shared, *own)}
    settings = {key: value for key, value in values.items() if key not in ("recipes", "hub", "get")}
    settings["labels"] = tuple(settings.get("labels", ()))
    kind = values.get("kind", "classification")
    settings.setdefault("metric", metrics_of(kind)[0] if kind in KINDS else "")
    if settings.get("data"):
        # A table says itself of which kind it is, unless the file does.
        found = {key: values[key] for key in ("kind", "metric", "labels") if key in values}
        settings["table"] = {**found, **settings.get("table", {})}
    return Task(
        **settings,
        suite=suite.name,
        layout=cast(Layout, suite.layout),
        hub=suite.hub,
        hub_config=values.get("hub", ""),
        get=values.get("get", suite.get),
        recipes=recipes,
    )


def _check_tables(values: Any, where: str) -> None:
    if not isinstance(values, Mapping) or not all(isinstance(each, Mapping) for each in values.values()):
        raise ConfigError(f"{where}: must hold one table of settings per family; correct it")
