"""Tasks are data: what is classified, which files hold it, how it is scored, how others trained on it.

A task comes from a TOML file. Those of GUE, GUE+ and few-shot ship here; third parties name a function that
returns tasks in the entry-point group ``dnamask.tasks``, or give a TOML file of the same form.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from dnamask_plugins.errors import ConfigError, InputError, PluginError, suggest
from dnamask_plugins.files import parse_toml
from dnamask_plugins.harness.recipes import ANY, Recipe

Split = Literal["train", "dev", "test"]
SPLITS: Final = get_args(Split)
Layout = Literal["gue", "fewshot"]
_TYPES: Final[Mapping[str, type]] = {
    **dict.fromkeys(("name", "metric", "title", "species", "experiment", "hub"), str),
    **dict.fromkeys(("classes", "length", "shots"), int),
    **dict.fromkeys(("rows", "sha256", "known"), dict),
    "pair": bool,
    "labels": list,
}
_NAME: Final = re.compile(r"(?!\.)[\w.+-]+(/(?!\.)[\w.+-]+)*", re.ASCII)
METRICS: Final = ("mcc", "f1_macro", "accuracy")


@dataclass(frozen=True)
class Task:
    """One data set to classify.

    Attributes
    ----------
    name : str
        Folder below the suite's root, for example ``EMP/H3``; for few-shot ``Prom-core/10``.
    suite : str
        Suite the task belongs to.
    classes : int or None
        Number of classes, labels 0..classes-1; None takes it from train.
    length : int or None
        Usual length of a sequence, in nucleotides.
    metric : {"mcc", "f1_macro", "accuracy"}
        What the task is scored by.
    pair : bool
        Each row holds two sequences.
    rows, sha256, known : mapping
        Per split, where they are known: rows; SHA-256 of the uncompressed CSV; leaks that were counted.
    shots : int or None
        Training sequences per class that a draw takes; None trains on all.
    layout : {"gue", "fewshot"}
        How the files lie and how sequences are written in them.
    hub, hub_config : str
        Data set on the Hugging Face hub, and its configuration.
    recipes : mapping of str to mapping
        Settings per backbone family, merged from suite and task.
    """

    name: str
    suite: str
    metric: str
    title: str = ""
    species: str = ""
    classes: int | None = None
    length: int | None = None
    pair: bool = False
    rows: Mapping[str, int] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, int] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    experiment: str = ""
    shots: int | None = None
    layout: Layout = "gue"
    hub: str = ""
    hub_config: str = ""
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            # The name is a path below folders that are read and written.
            raise ConfigError(
                f"task {self.name!r}: a name is made of letters, digits and . _ + -, with / between parts, "
                "as in EMP/H3; rename it"
            )
        if self.metric not in METRICS:
            raise ConfigError(f"task {self.name}: metric '{self.metric}'; {suggest(self.metric, METRICS)}")
        if self.layout not in get_args(Layout):
            raise ConfigError(
                f"task {self.name}: layout '{self.layout}'; {suggest(self.layout, get_args(Layout))}"
            )
        if self.classes is not None and self.classes < 2:
            raise ConfigError(f"task {self.name}: {self.classes} classes; at least 2 are needed")

    @property
    def group(self) -> str:
        """First part of the name: ``EMP`` of ``EMP/H3``."""
        return self.name.split("/")[0]

    @property
    def has_dev(self) -> bool:
        """Whether the task comes with a dev split."""
        return self.layout == "gue"

    def recipe(self, family: str) -> Recipe:
        """Return the settings of a backbone family.

        Raises
        ------
        ConfigError
            The task has none for this family.
        """
        values = self.recipes.get(family, self.recipes.get(ANY))
        if values is None:
            raise ConfigError(f"task {self.name}: no recipe for '{family}'; {suggest(family, self.recipes)}")
        return Recipe.from_mapping(values, f"task {self.name}, recipe {family}")


def load_tasks(path: Path) -> tuple[Task, ...]:
    """Read a suite of tasks from a TOML file.

    Raises
    ------
    InputError
        The file cannot be read or is no TOML.
    ConfigError
        A setting is unknown or out of range.
    """
    try:
        content = parse_toml(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a TOML file of tasks") from None
    except ValueError as error:
        raise InputError(f"{path}: not TOML ({error}); correct the file") from None
    return parse_tasks(content, str(path))


def parse_tasks(content: Mapping[str, Any], where: str) -> tuple[Task, ...]:
    """Make tasks from the content of a TOML file; `where` begins the error messages."""
    suite, tasks, shared = content.get("suite", {}), content.get("task"), content.get("recipes", {})
    if not isinstance(suite, Mapping) or "name" not in suite or not tasks:
        raise ConfigError(f"{where}: needs [suite] with a name, and one [[task]] at least")
    _check_types(suite, {"name": str, "layout": str, "hub": str}, f"{where}: [suite]")
    _check_tables(shared, f"{where}: [recipes]")
    if not isinstance(tasks, list) or not all(isinstance(values, Mapping) for values in tasks):
        raise ConfigError(f"{where}: 'task' is no list of tables; write [[task]] above each")
    return tuple(_parse_task(values, suite, shared, where) for values in tasks)


def _parse_task(
    values: Mapping[str, Any], suite: Mapping[str, Any], shared: Mapping[str, Mapping[str, Any]], where: str
) -> Task:
    known = {item.name for item in dataclasses.fields(Task)} - {"suite", "layout", "hub_config"}
    for key in values:
        if key not in known:
            raise ConfigError(
                f"{where}: task {values.get('name', '?')}: unknown key '{key}'; {suggest(key, known)}"
            )
    for key in ("name", "metric"):
        if key not in values:
            raise ConfigError(f"{where}: a [[task]] without '{key}'; add it")
    _check_types(values, _TYPES, f"{where}: task {values['name']}")
    own = values.get("recipes", {})
    _check_tables(own, f"{where}: task {values['name']}: recipes")
    recipes = {family: {**shared.get(family, {}), **own.get(family, {})} for family in (*shared, *own)}
    settings = {key: value for key, value in values.items() if key not in ("recipes", "hub")}
    settings["labels"] = tuple(settings.get("labels", ()))
    return Task(
        **settings,
        suite=suite["name"],
        layout=cast(Layout, suite.get("layout", "gue")),
        hub=suite.get("hub", ""),
        hub_config=values.get("hub", ""),
        recipes=recipes,
    )


def _check_types(values: Mapping[str, Any], types: Mapping[str, type], where: str) -> None:
    for key, kind in types.items():
        if key in values and type(values[key]) is not kind:
            raise ConfigError(f"{where}: {key} is {str(values[key])[:40]!r}, no {kind.__name__}; correct it")


def _check_tables(values: Any, where: str) -> None:
    if not isinstance(values, Mapping) or not all(isinstance(each, Mapping) for each in values.values()):
        raise ConfigError(f"{where}: must hold one table of settings per family; correct it")


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
    return _shipped("gue")


def gue_plus() -> tuple[Task, ...]:
    """Return the sets of GUE+: six of enhancer-promoter pairs, fungi and virus species."""
    return _shipped("gue_plus")


def fewshot() -> tuple[Task, ...]:
    """Return the few-shot tasks of GeneMask and CM-GEMS: five data sets at five sizes."""
    return _shipped("fewshot")


def all_suites() -> dict[str, tuple[Task, ...]]:
    """Return the tasks of every installed suite that loads, by suite name.

    A suite is a function that returns tasks, or the tasks themselves. One that does not load is left out with
    a warning that names its distribution, for it must not keep others from running.
    """
    from dnamask_plugins.plugins import discover

    suites = {}
    for name, providers in discover("tasks").items():
        try:
            suites[name] = _load_suite(name, providers[0].origin)
        except PluginError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
    return suites


def _load_suite(name: str, origin: str) -> tuple[Task, ...]:
    from dnamask_plugins.plugins import load

    loaded = load("tasks", name)
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
    known = (*tasks, *extra)
    chosen: dict[str, Task] = {}
    for word in filter(None, (part.strip() for part in expression.split(","))):
        if word.endswith(".toml"):
            found: Sequence[Task] = load_tasks(Path(word))
        elif word == "all":
            found = tasks
        else:
            found = [task for task in known if task.name == word] or [
                task for task in known if task.group == word
            ]
        if not found:
            options = {task.name for task in known} | {task.group for task in known} | {"all"}
            raise ConfigError(f"no task is called '{word}'; {suggest(word, options)}")
        chosen.update((task.name, task) for task in found)
    if not chosen:
        raise ConfigError(
            "no task was named; give --tasks all, a group such as prom, or names such as EMP/H3"
        )
    return tuple(chosen.values())
