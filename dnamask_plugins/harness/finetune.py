"""Fine-tuning of a sequence classifier: best checkpoint by dev, then one pass over test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from dnamask_plugins.harness.encoding import EncodedData, LengthBuckets, padding_fraction
from dnamask_plugins.harness.finetune_trainer import (
    KeepBest,
    Progress,
    ReportSteps,
    RowDataset,
    WatchedTrainer,
    as_tensors,
)
from dnamask_plugins.harness.model_source import ModelSource
from dnamask_plugins.harness.outputs import scores_from
from dnamask_plugins.harness.target import Target, learnt_from
from dnamask_plugins.harness.training_arguments import training_arguments, used_arguments
from dnamask_plugins.harness.trial_rows import TrialRows
from dnamask_plugins.models.configuration import read_config
from dnamask_plugins.models.loading import load_classifier
from dnamask_plugins.models.lora import add_lora, find_targets
from dnamask_plugins.tasks.recipes import Recipe


@dataclass(frozen=True)
class FineTuneSettings:
    """A recipe and what the user changed in it.

    Attributes
    ----------
    recipe : Recipe
    overrides : mapping
        Fields of `transformers.TrainingArguments`, which win.
    """

    recipe: Recipe
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FineTuned:
    """What fine-tuning gave: logits on test (in the order of its rows) and how training went.

    ``history`` has an entry for each time that a loss or a figure on dev was taken, with its ``step``.
    """

    logits: NDArray[np.float32]
    dev: Mapping[str, float]
    best_step: int | None
    steps: int
    effective_batch: int
    processes: int
    parameters: int
    trainable: int
    padding: Mapping[str, float]
    used: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...] = ()


def fine_tune(
    source: ModelSource,
    rows: TrialRows[EncodedData],
    settings: FineTuneSettings,
    seed: int,
    progress: Progress | None = None,
    *,
    save: Callable[[Target, Any], None] | None = None,
    prepare: Callable[[Any], None] | None = None,
) -> FineTuned:
    """Fine-tune a model and predict the test rows.

    Parameters
    ----------
    source : ModelSource
    rows : TrialRows of EncodedData
        Without dev the last checkpoint is taken; the metric is what the recipe's `select_by` means by it.
    settings : FineTuneSettings
    seed : int
        Fixes the head, the dropout and the order of the rows.
    progress : callable, optional
        Called after each step.
    save : callable, optional
        Called with what was learnt and the model that was tested.
    prepare : callable, optional
        Changes the model before anything is trained, for example what its head reads.

    Returns
    -------
    FineTuned

    Raises
    ------
    ConfigError
        A training argument is unknown or refused.
    """
    recipe = settings.recipe
    set_seed(seed)
    target = learnt_from(rows.train.labels, recipe.class_weights)
    classifier = _classifier(source, target, rows.classes, recipe, seed, prepare)
    select_by = recipe.select_by if rows.dev is not None else "last"
    with tempfile.TemporaryDirectory(prefix="dnamask-finetune-") as folder:
        arguments = training_arguments(folder, recipe, settings.overrides, select_by, rows, seed)
        best = KeepBest(select_by, rows.metric)
        callbacks = [best, ReportSteps(progress)]
        trainer = _trainer(classifier.model, arguments, rows, target, callbacks)
        trainer.train()
        trainer.check()
        best.restore(trainer.model)
        logits = _answers(trainer, rows.test, target)
        if save is not None:
            save(target, trainer.accelerator.unwrap_model(trainer.model))
    batch = arguments.train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size
    return FineTuned(
        logits=logits,
        dev=best.figures,
        best_step=best.step,
        steps=int(trainer.state.global_step),
        effective_batch=int(batch),
        processes=int(arguments.world_size),
        parameters=classifier.parameters,
        trainable=sum(item.numel() for item in classifier.model.parameters() if item.requires_grad),
        padding=_padding(rows, arguments, seed),
        used=used_arguments(arguments) | {"select_by": select_by, "adapters": classifier.adapters},
        history=tuple(entry for entry in trainer.state.log_history if "train_runtime" not in entry),
    )


@dataclass(frozen=True, eq=False)
class _Classifier:
    """What is trained, how many parameters the model itself has, and the layers that got adapters."""

    model: Any
    parameters: int
    adapters: list[str]


def _classifier(
    source: ModelSource,
    target: Target,
    classes: int,
    recipe: Recipe,
    seed: int,
    prepare: Callable[[Any], None] | None,
) -> _Classifier:
    dropout: dict[str, Any] = dict(_dropout(recipe.dropout, source))
    model, description = load_classifier(
        source.source or source.folder, source.tokenizer, classes, seed=seed, **dropout
    )
    if prepare is not None:
        prepare(model)
    model.config.problem_type = target.problem_type
    if recipe.lora is None:
        return _Classifier(model, description.parameters, [])
    targets = find_targets(model, recipe.lora.targets)
    adapted = add_lora(model, recipe.lora, seed, fresh=description.started_fresh)
    return _Classifier(adapted, description.parameters, targets)


def _trainer(
    model: Any,
    arguments: TrainingArguments,
    rows: TrialRows[EncodedData],
    target: Target,
    callbacks: list[TrainerCallback],
) -> WatchedTrainer:
    dev = None if rows.dev is None else rows.dev.take(rows.dev.sorted_by_length())
    trainer = WatchedTrainer(
        model=model,
        args=arguments,
        data_collator=as_tensors,
        train_dataset=RowDataset(rows.train, target),
        eval_dataset=None if dev is None else RowDataset(dev, target),
        compute_loss_func=target.weighted_loss,
        compute_metrics=lambda answer: _scores(answer, rows.classes),
        callbacks=callbacks,
    )
    for unwanted in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(unwanted)
    return trainer


def _answers(trainer: WatchedTrainer, test: EncodedData, target: Target) -> NDArray[np.float32]:
    """Return what the model says of the test rows, in their order."""
    order = test.sorted_by_length()
    logits = _logits(trainer.predict(RowDataset(test.take(order), target)))
    unsorted = np.empty_like(logits)
    unsorted[order] = target.restore(logits)
    return unsorted


def _padding(rows: TrialRows[EncodedData], arguments: TrainingArguments, seed: int) -> dict[str, float]:
    """Return the share of computed tokens that were padding."""
    train, test, batch = rows.train, rows.test, arguments.train_batch_size
    order = test.sorted_by_length().tolist()
    return {
        "train": padding_fraction(train.lengths, batch, list(LengthBuckets(train.lengths, batch, seed))),
        "test": padding_fraction(test.lengths, arguments.eval_batch_size, order),
    }


def _dropout(rate: float | None, source: ModelSource) -> dict[str, float]:
    """Return a rate under every name that the model's configuration has for one."""
    if rate is None:
        return {}
    known = read_config(source.source or source.folder).to_dict()
    rates = (name for name, value in known.items() if value is None or type(value) in (int, float))
    return {name: rate for name in rates if "dropout" in name}


def _logits(answer: Any) -> NDArray[np.float32]:
    # Some architectures answer with more than logits; these come first.
    logits = answer.predictions[0] if isinstance(answer.predictions, tuple) else answer.predictions
    return np.asarray(logits, dtype=np.float32)


def _scores(answer: Any, classes: int) -> dict[str, float]:
    # Those of several labels come back as they were trained on, as fractions.
    labels = answer.label_ids
    labels = (
        labels.astype(np.int64) if labels.ndim == 2 and labels.shape[1] > 1 else labels.reshape(len(labels))
    )
    return scores_from(labels, _logits(answer), classes)
