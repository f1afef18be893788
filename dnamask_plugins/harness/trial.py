"""One piece of work of an evaluation: one task with one seed, and everything that its figures depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dnamask_plugins import __version__
from dnamask_plugins.config import fingerprint
from dnamask_plugins.files import safe_name
from dnamask_plugins.results.methods import Method
from dnamask_plugins.tasks import Task
from dnamask_plugins.tasks.recipes import Recipe

TRIAL_FORMAT: Final = 2
"""Raised when trials of an earlier version must not be taken for finished ones."""


@dataclass(frozen=True, eq=False)
class Trial:
    """All that a worker needs, on this machine or another that sees the same folders.

    Attributes
    ----------
    task : Task
    data_folder : Path
        Where the suite lies.
    model : str
        Folder or hub id.
    model_sha256 : mapping of str to str
        Of its weights, its configuration and its tokenizer; of a baseline the identity of what it fits.
    method : {"finetune", "lora", "probe", "baseline"}
    recipe : Recipe
    recipe_name : str
    seed : int
    overrides : mapping
        Fields of `transformers.TrainingArguments`.
    max_length : int or None
        Tokens; None = the model's limit.
    train_limit : int or None
        Train on a random part of the rows.
    dev_as_train : bool
        Allow dev to stand in for a missing train file.
    data_sha256 : mapping of str to str
        Split to hash: other files make another trial.
    output : Path
        Folder for outcomes.
    keep_model : bool
        Write the fine-tuned model and its history into `model_folder`.
    """

    task: Task
    data_folder: Path
    model: str
    model_sha256: Mapping[str, str]
    method: Method
    recipe: Recipe
    recipe_name: str
    seed: int
    output: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)
    max_length: int | None = None
    train_limit: int | None = None
    dev_as_train: bool = False
    data_sha256: Mapping[str, str] = field(default_factory=dict)
    keep_model: bool = False

    @property
    def identity(self) -> str:
        """16 hex digits of everything that the figures depend on."""
        return fingerprint(
            {
                "format": TRIAL_FORMAT,
                "task": self.task.name,
                "metric": self.task.metric,
                "shots": self.task.shots,
                "version": __version__,
                "kind": self.task.kind,
                "classes": self.task.classes,
                "pair": self.task.pair,
                "layout": self.task.layout,
                "model": dict(self.model_sha256),
                "method": self.method,
                "recipe": {key: value for key, value in self.recipe.to_dict().items() if key != "note"},
                "seed": self.seed,
                "overrides": {key: self.overrides[key] for key in sorted(self.overrides)},
                "max_length": self.max_length,
                "train_limit": self.train_limit,
                "dev_as_train": self.dev_as_train,
                "data": dict(self.data_sha256),
            }
        )

    @property
    def path(self) -> Path:
        """File of the outcome; other settings have another."""
        name = f"{safe_name(self.task.name)}.{self.method}.seed-{self.seed}.{self.identity}.json"
        return self.output / "trials" / name

    @property
    def model_folder(self) -> Path:
        """Folder of the fine-tuned model, where it is kept."""
        return self.output / "models" / f"{safe_name(self.task.name)}.seed-{self.seed}.{self.identity}"

    def __str__(self) -> str:
        return f"{self.task.name} seed {self.seed}"
