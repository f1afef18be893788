"""A recipe as arguments of the Trainer: the global batch is kept whatever the devices are."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Final

import torch
from transformers import TrainingArguments

from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.harness.encoding import EncodedData
from dnamask_plugins.harness.trial_rows import TrialRows
from dnamask_plugins.tasks.recipes import Recipe

_TRAIN_TOKENS: Final = 4_096
"""Tokens of one forward and backward pass on a CPU: more leave its caches and take up to a fifth longer."""


_EVAL_TOKENS: Final = 2_400
"""The same for evaluation, which has no gradients to add up."""


_GPU_TOKENS: Final = 65_536
"""The same on a GPU; figures do not depend on it."""


_ALWAYS: Final[Mapping[str, Any]] = {
    "save_strategy": "no",
    "logging_strategy": "steps",
    "logging_steps": 0.02,
    "report_to": "none",
    "disable_tqdm": True,
    "remove_unused_columns": False,
    "label_names": ["labels"],
}
"""Of every fine-tuning: nothing goes to disk or to a service, and 50 losses make its curve."""


def training_arguments(
    folder: str,
    recipe: Recipe,
    overrides: Mapping[str, Any],
    select_by: str,
    rows: TrialRows[EncodedData],
    seed: int,
) -> TrainingArguments:
    """Turn a recipe into `TrainingArguments`; the global batch is kept whatever the devices are.

    On a CPU a batch is cut into parts that fit its caches, whose gradients are accumulated.

    Raises
    ------
    ConfigError
        An override is no training argument, or is refused.
    """
    check_overrides(overrides)
    devices, gpu = _devices(), torch.cuda.is_available()
    share = max(1, recipe.global_batch // devices)
    values: dict[str, Any] = {
        "output_dir": folder,
        "learning_rate": recipe.learning_rate,
        "num_train_epochs": recipe.num_train_epochs,
        "max_steps": recipe.max_steps,
        "warmup_steps": recipe.warmup_steps if recipe.warmup_ratio == 0 else recipe.warmup_ratio,
        "weight_decay": recipe.weight_decay,
        "per_device_train_batch_size": share if gpu else _part(share, int(rows.train.lengths.max())),
        "per_device_eval_batch_size": _evaluated_at_once(gpu, int(rows.test.lengths.max())),
        "eval_strategy": "no" if select_by == "last" else "steps" if recipe.eval_steps else "epoch",
        "eval_steps": None if select_by == "last" else recipe.eval_steps or None,
        "seed": seed,
        "data_seed": seed,
        "bf16": gpu and torch.cuda.is_bf16_supported(),
        "use_cpu": not gpu,
        "dataloader_pin_memory": gpu,
        **_ALWAYS,
        **overrides,
    }
    if "gradient_accumulation_steps" not in overrides:
        per_step = values["per_device_train_batch_size"] * devices
        values["gradient_accumulation_steps"] = max(1, round(recipe.global_batch / per_step))
    try:
        return TrainingArguments(**values)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"training arguments: {' '.join(str(error).split())[:200]}; correct --set"
        ) from None


def check_overrides(overrides: Mapping[str, Any]) -> None:
    """Refuse what is no field of `TrainingArguments`.

    Raises
    ------
    ConfigError
        Names the field nearest to the unknown one.
    """
    known = {item.name for item in dataclasses.fields(TrainingArguments)}
    for key in overrides:
        if key not in known:
            raise ConfigError(f"--set {key}: no such training argument; {suggest(key, known)}")


def _devices() -> int:
    """Return how many devices share a step: processes that a launcher started, else the GPUs of this one."""
    return int(os.environ.get("WORLD_SIZE", "0")) or max(torch.cuda.device_count(), 1)


def _evaluated_at_once(gpu: bool, longest: int) -> int:
    return max(4, min(1024, (_GPU_TOKENS if gpu else _EVAL_TOKENS) // longest))


def _part(rows: int, longest: int) -> int:
    """Return the largest divisor of a batch whose rows fit the caches together; at least one row."""
    return max(
        part
        for part in range(1, rows + 1)
        if rows % part == 0 and (part == 1 or part * longest <= _TRAIN_TOKENS)
    )


def used_arguments(arguments: TrainingArguments) -> dict[str, Any]:
    """Return what decides the figures, as it was used, for the record."""
    names = (
        "learning_rate",
        "num_train_epochs",
        "max_steps",
        "warmup_steps",
        "weight_decay",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "eval_steps",
        "bf16",
        "optim",
        "lr_scheduler_type",
        "max_grad_norm",
    )
    values = arguments.to_dict()
    return {name: values[name] for name in names}
