"""Fine-tuned models on disk: a folder that plain transformers loads, with the names of the classes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from dnamask_plugins.files import follow_umask, write_atomically
from dnamask_plugins.quiet import quiet_transformers
from dnamask_plugins.tasks import Task
from dnamask_plugins.tokenizers.export import save_pretrained

if TYPE_CHECKING:
    from dnamask_plugins.harness.model_source import ModelSource
    from dnamask_plugins.harness.target import Target
    from dnamask_plugins.harness.trials import Trial
    from dnamask_plugins.tokenizers.base import TokenizerBase

HISTORY_FILE: Final = "history.jsonl"


def save_classifier(target: Target, model: Any, trial: Trial, source: ModelSource) -> None:
    """Write a fine-tuned model and its tokenizer into the folder of its trial, whole or not at all.

    Low-rank adapters are merged into the weights.
    """
    from dnamask_plugins.models.positions import max_positions

    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    target.restore_head(model)
    name_outputs(model.config, trial.task)
    folder = trial.model_folder
    partial = folder.with_name(folder.name + ".partial")
    for left in (partial, folder):
        shutil.rmtree(left, ignore_errors=True)
    partial.mkdir(parents=True)
    with quiet_transformers():
        model.save_pretrained(partial)
    limit = max_positions(model.config)
    save_pretrained(
        cast("TokenizerBase", source.tokenizer),
        partial,
        **({} if limit is None else {"model_max_length": limit}),
    )
    follow_umask(partial)
    partial.rename(folder)


def name_outputs(config: Any, task: Task) -> None:
    """Say in a configuration what the outputs mean: the kind of task and the names of its classes.

    `transformers` reads ``problem_type`` and ``id2label``; so do its pipelines. ``sequences_per_row`` is for
    `dnamask predict`: 2 where the model was fine-tuned on pairs.
    """
    kinds = {
        "classification": "single_label_classification",
        "regression": "regression",
        "multi_label": "multi_label_classification",
    }
    config.problem_type = kinds[task.kind]
    config.sequences_per_row = 2 if task.pair else 1
    names = task.labels if len(task.labels) == config.num_labels else None
    names = names or (("value",) if task.kind == "regression" else tuple(map(str, range(config.num_labels))))
    config.id2label = dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}


def write_history(trial: Trial, history: Sequence[Mapping[str, Any]]) -> None:
    """Write the losses and figures of a trial beside its model, one JSON object a line."""
    lines = "".join(json.dumps({"seed": trial.seed, **entry}) + "\n" for entry in history)
    write_atomically(trial.model_folder / HISTORY_FILE, lines.encode())


def history_of(folder: Path) -> str:
    """Return the lines that `write_history` wrote."""
    path = folder / HISTORY_FILE
    return path.read_text(encoding="utf-8") if path.is_file() else ""
