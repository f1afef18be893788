"""What a user asks of a run: a model, tasks, seeds and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dnamask_plugins.harness.recipe_choice import PAPER
from dnamask_plugins.results.methods import STANDARD, Method
from dnamask_plugins.tasks import Task
from dnamask_plugins.tasks.recipes import ClassWeights


@dataclass(frozen=True)
class RunRequest:
    """What a user asks for.

    Attributes
    ----------
    model : str
        Folder or hub id.
    data_folder : Path
    tasks : tuple of Task
    seeds : tuple of int
    output : Path
    method : {"finetune", "lora", "probe", "baseline"}
        "finetune" becomes "lora" where the recipe says so; a baseline in the place of a model has its own.
    recipe : str
        ``paper`` (of the model's family), a family, or a TOML file of settings.
    select_by : str or None
        Another choice of the checkpoint than the recipe's.
    class_weights : {"none", "balanced"} or None
        Other weights of the classes than the recipe's.
    max_length : int or None
        Tokens; None takes the recipe's where the tokenizer is of its kind, else the model's limit.
    overrides : mapping
        Fields of `transformers.TrainingArguments`.
    train_limit : int or None
    dev_as_train : bool
    skip_missing : bool
        Leave out tasks whose files are not there, instead of refusing.
    corpus : tuple of Path
        FASTA files of the pretraining corpus, for the audit.
    model_name, track
        For the records.
    keep_models : bool
        Keep the fine-tuned model of each trial.
    """

    model: str
    data_folder: Path
    tasks: tuple[Task, ...]
    seeds: tuple[int, ...]
    output: Path
    method: Method = "finetune"
    recipe: str = PAPER
    select_by: str | None = None
    class_weights: ClassWeights | None = None
    max_length: int | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    train_limit: int | None = None
    dev_as_train: bool = False
    skip_missing: bool = False
    corpus: tuple[Path, ...] = ()
    model_name: str | None = None
    track: str = STANDARD
    keep_models: bool = False
