"""A task as data: what is classified, which files hold it, how it is scored, how others trained on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.tasks.metrics import KINDS, Kind, metrics_of
from dnamask_plugins.tasks.recipes import ANY, DEFAULTS, Recipe

Split = Literal["train", "dev", "test"]
SPLITS: Final = get_args(Split)
Layout = Literal["gue", "fewshot"]
_NAME: Final = re.compile(r"(?!\.)[\w.+-]+(/(?!\.)[\w.+-]+)*", re.ASCII)


@dataclass(frozen=True)
class Task:
    """One data set, to classify or to predict a quantity from.

    Attributes
    ----------
    name : str
        Folder below the suite's root, for example ``EMP/H3``; for few-shot ``Prom-core/10``.
    suite : str
        Suite the task belongs to.
    classes : int or None
        Number of classes, labels 0..classes-1 (of labels, where each is 0 or 1); None takes it from train.
    length : int or None
        Usual length of a sequence, in nucleotides.
    kind : {"classification", "regression", "multi_label"}
        One class per row, a number, or several labels of 0 and 1.
    metric : str
        What the task is scored by, one of `metrics_of` its kind.
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
    get : str
        Where its files come from: a command or an address, for the error that misses them.
    data : str
        A table, or a folder of tables, that is read as `dnamask finetune` reads one; empty for the files of
        the layout.
    table : mapping
        How that table is read and split, as in a task file.
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
    kind: Kind = "classification"
    labels: tuple[str, ...] = ()
    experiment: str = ""
    shots: int | None = None
    layout: Layout = "gue"
    hub: str = ""
    hub_config: str = ""
    get: str = ""
    data: str = ""
    table: Mapping[str, Any] = field(default_factory=dict)
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            # The name is a path below folders that are read and written.
            raise ConfigError(
                f"task {self.name!r}: a name is made of letters, digits and . _ + -, with / between parts, "
                "as in EMP/H3; rename it"
            )
        if self.kind not in KINDS:
            raise ConfigError(f"task {self.name}: kind '{self.kind}'; {suggest(self.kind, KINDS)}")
        if self.metric not in metrics_of(self.kind):
            hint = suggest(self.metric, metrics_of(self.kind))
            raise ConfigError(f"task {self.name}: metric '{self.metric}' of {self.kind}; {hint}")
        if self.layout not in get_args(Layout):
            raise ConfigError(
                f"task {self.name}: layout '{self.layout}'; {suggest(self.layout, get_args(Layout))}"
            )
        if self.kind == "multi_label" and self.classes is None:
            raise ConfigError(f"task {self.name}: say how many labels a row has: classes = 3")
        if self.classes is not None and self.classes < 2:
            raise ConfigError(f"task {self.name}: {self.classes} classes; at least 2 are needed")

    @property
    def group(self) -> str:
        """First part of the name: ``EMP`` of ``EMP/H3``."""
        return self.name.split("/")[0]

    @property
    def how_to_get(self) -> str:
        """What to do where its files are missing, for an error message."""
        return f"get the data set ({self.get})" if self.get else "get the data set"

    @property
    def has_dev(self) -> bool:
        """Whether the task comes with a dev split."""
        return self.layout == "gue"

    def recipe(self, family: str) -> Recipe:
        """Return the settings of a backbone family, or those of any model where the task names none at all.

        Raises
        ------
        ConfigError
            The task has settings, but none for this family.
        """
        if not self.recipes:
            return Recipe.from_mapping(DEFAULTS, f"task {self.name}, recipe of any model")
        values = self.recipes.get(family, self.recipes.get(ANY))
        if values is None:
            raise ConfigError(f"task {self.name}: no recipe for '{family}'; {suggest(family, self.recipes)}")
        return Recipe.from_mapping(values, f"task {self.name}, recipe {family}")
