"""Fine-tuning of a sequence classifier: best checkpoint by dev, then one pass over test."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from dnamask_plugins.errors import ConfigError, DnamaskError, suggest
from dnamask_plugins.harness.encoding import EncodedData, LengthBuckets, padding_fraction
from dnamask_plugins.harness.model_source import ModelSource
from dnamask_plugins.harness.outputs import scores_from
from dnamask_plugins.harness.target import Target, learnt_from
from dnamask_plugins.models.configuration import read_config
from dnamask_plugins.models.loading import load_classifier
from dnamask_plugins.models.lora import add_lora, find_targets
from dnamask_plugins.tasks.metrics import METRICS
from dnamask_plugins.tasks.recipes import Recipe

_TRAIN_TOKENS: Final = 4_096
"""Tokens of one forward and backward pass on a CPU: more leave its caches and take up to a fifth longer."""

_EVAL_TOKENS: Final = 2_400
"""The same for evaluation, which has no gradients to add up."""

_GPU_TOKENS: Final = 65_536
"""The same on a GPU; figures do not depend on it."""

Progress = Callable[[int, int], None]
"""Called with the steps done and all steps."""


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
    train: EncodedData,
    dev: EncodedData | None,
    test: EncodedData,
    classes: int,
    metric: str,
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
    train, dev, test : EncodedData
        ``dev`` may be None when the recipe takes the last checkpoint.
    classes : int
    metric : str
        What "metric" means in the recipe's `select_by`.
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
    dropout: dict[str, Any] = dict(_dropout(recipe.dropout, source))
    model, description = load_classifier(
        source.source or source.folder, source.tokenizer, classes, seed=seed, **dropout
    )
    if prepare is not None:
        prepare(model)
    target = learnt_from(train.labels, recipe.class_weights)
    model.config.problem_type = target.problem_type
    targets: list[str] = []
    if recipe.lora is not None:
        targets = find_targets(model, recipe.lora.targets)
        model = add_lora(model, recipe.lora, seed, fresh=description.started_fresh)
    select_by = recipe.select_by if dev is not None else "last"
    with tempfile.TemporaryDirectory(prefix="dnamask-finetune-") as folder:
        arguments = training_arguments(folder, recipe, settings.overrides, select_by, train, test, seed)
        best = _KeepBest(select_by, metric)
        sorted_dev = None if dev is None else dev.take(dev.sorted_by_length())
        trainer = _Trainer(
            model=model,
            args=arguments,
            data_collator=_as_tensors,
            train_dataset=_Rows(train, target),
            eval_dataset=None if sorted_dev is None else _Rows(sorted_dev, target),
            compute_loss_func=target.weighted_loss,
            compute_metrics=lambda answer: _scores(answer, classes),
            callbacks=[best, _Report(progress)],
        )
        for unwanted in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(unwanted)
        trainer.train()
        trainer.check()
        best.restore(trainer.model)
        order = test.sorted_by_length()
        logits = _logits(trainer.predict(_Rows(test.take(order), target)))
        if save is not None:
            save(target, trainer.accelerator.unwrap_model(trainer.model))
    unsorted = np.empty_like(logits)
    unsorted[order] = target.restore(logits)
    batch = arguments.train_batch_size
    return FineTuned(
        logits=unsorted,
        dev=best.figures,
        best_step=best.step,
        steps=int(trainer.state.global_step),
        effective_batch=batch * arguments.gradient_accumulation_steps * arguments.world_size,
        processes=int(arguments.world_size),
        parameters=description.parameters,
        trainable=sum(item.numel() for item in model.parameters() if item.requires_grad),
        padding={
            "train": padding_fraction(train.lengths, batch, list(LengthBuckets(train.lengths, batch, seed))),
            "test": padding_fraction(test.lengths, arguments.eval_batch_size, order.tolist()),
        },
        used=_used(arguments) | {"select_by": select_by, "adapters": targets},
        history=tuple(entry for entry in trainer.state.log_history if "train_runtime" not in entry),
    )


def training_arguments(
    folder: str,
    recipe: Recipe,
    overrides: Mapping[str, Any],
    select_by: str,
    train: EncodedData,
    test: EncodedData,
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
    devices = _devices()
    gpu = torch.cuda.is_available()
    rows = max(1, recipe.global_batch // devices)
    if not gpu:
        rows = _part(rows, int(train.lengths.max()))
    at_once = (_GPU_TOKENS if gpu else _EVAL_TOKENS) // int(test.lengths.max())
    values: dict[str, Any] = {
        "output_dir": folder,
        "learning_rate": recipe.learning_rate,
        "num_train_epochs": recipe.num_train_epochs,
        "max_steps": recipe.max_steps,
        "warmup_steps": recipe.warmup_steps if recipe.warmup_ratio == 0 else recipe.warmup_ratio,
        "weight_decay": recipe.weight_decay,
        "per_device_train_batch_size": rows,
        "per_device_eval_batch_size": max(4, min(1024, at_once)),
        "eval_strategy": "no" if select_by == "last" else "steps" if recipe.eval_steps else "epoch",
        "eval_steps": None if select_by == "last" else recipe.eval_steps or None,
        "save_strategy": "no",
        "logging_strategy": "steps",
        "logging_steps": 0.02,
        "report_to": "none",
        "disable_tqdm": True,
        "seed": seed,
        "data_seed": seed,
        "bf16": gpu and torch.cuda.is_bf16_supported(),
        "use_cpu": not gpu,
        "dataloader_pin_memory": gpu,
        "remove_unused_columns": False,
        "label_names": ["labels"],
    }
    values |= overrides
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


def _part(rows: int, longest: int) -> int:
    """Return the largest divisor of a batch whose rows fit the caches together; at least one row."""
    return max(
        part
        for part in range(1, rows + 1)
        if rows % part == 0 and (part == 1 or part * longest <= _TRAIN_TOKENS)
    )


def _dropout(rate: float | None, source: ModelSource) -> dict[str, float]:
    """Return a rate under every name that the model's configuration has for one."""
    if rate is None:
        return {}
    known = read_config(source.source or source.folder).to_dict()
    rates = (name for name, value in known.items() if value is None or type(value) in (int, float))
    return {name: rate for name in rates if "dropout" in name}


def _used(arguments: TrainingArguments) -> dict[str, Any]:
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


def _as_tensors(batch: dict[str, NDArray[np.int64]]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(values) for name, values in batch.items()}


class _Rows(Dataset[Any]):
    """Rows that PyTorch's loader asks for a batch at a time, already put together."""

    def __init__(self, data: EncodedData, target: Target) -> None:
        self.data, self.target = data, target

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row: int) -> dict[str, NDArray[np.int64]]:
        return self.target.scaled(self.data.batch([row]))

    def __getitems__(self, rows: list[int]) -> dict[str, NDArray[np.int64]]:
        return self.target.scaled(self.data.batch(rows))


class _Trainer(Trainer):
    """Stops where the loss is no number: what would be recorded as a model that learnt nothing has failed."""

    _CHECK_EVERY: Final = 50
    """Optimizer steps between looks at a GPU, which each wait for it; a CPU is looked at every time."""

    _first_bad: torch.Tensor | None = None

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        # Classifiers take any keyword, from which the Trainer concludes that they divide their loss by the
        # rows of a whole step. They do not: the parts of a batch would be added up and not averaged.
        self.model_accepts_loss_kwargs = False

    def training_step(self, *inputs: Any, **keywords: Any) -> torch.Tensor:
        """Take a step, and note on the device when the loss is not finite for the first time."""
        loss: torch.Tensor = super().training_step(*inputs, **keywords)
        step = torch.full_like(loss, float(self.state.global_step), dtype=torch.float64)
        bad = torch.where(torch.isfinite(loss.detach()), torch.inf, step)
        self._first_bad = bad if self._first_bad is None else torch.minimum(self._first_bad, bad)
        if loss.device.type == "cpu" or self.state.global_step % self._CHECK_EVERY == 0:
            self.check()
        return loss

    def evaluate(self, *arguments: Any, **keywords: Any) -> dict[str, float]:
        """Evaluate a model whose loss is still a number."""
        self.check()
        return dict(super().evaluate(*arguments, **keywords))

    def check(self) -> None:
        """Raise where a loss was not finite."""
        if self._first_bad is not None and torch.isfinite(self._first_bad):
            raise DnamaskError(
                f"the loss was not finite at step {int(self._first_bad) + 1} of {self.state.max_steps}; "
                "lower the learning rate (--set learning_rate=...) or raise the warm-up"
            )

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        return LengthBuckets(dataset.data.lengths, self.args.train_batch_size, self.args.data_seed)


class _KeepBest(TrainerCallback):
    """Keeps the best weights in memory: nothing of a trial is worth writing to disk before it is done."""

    def __init__(self, select_by: str, metric: str) -> None:
        self.key = {"loss": "eval_loss", "metric": f"eval_{metric}"}.get(select_by)
        self.sign = -1.0 if select_by == "loss" else 1.0
        self.value = -np.inf
        self.step: int | None = None
        self.figures: dict[str, float] = {}
        self.weights: dict[str, torch.Tensor] = {}

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        metrics, model = kwargs.get("metrics") or {}, kwargs["model"]
        if self.key is None or self.key not in metrics:
            return
        value = self.sign * float(metrics[self.key])
        if not value > self.value:
            return
        self.value, self.step = value, int(state.global_step)
        self.figures = {
            name.removeprefix("eval_"): float(metrics[name])
            for name in ("eval_loss", *(f"eval_{metric}" for metric in METRICS))
            if name in metrics
        }
        if state.global_step < state.max_steps:
            with torch.no_grad():
                self.weights = {
                    name: item.detach().to("cpu", copy=True)
                    for name, item in model.named_parameters()
                    if item.requires_grad
                }
        else:
            self.weights = {}

    def restore(self, model: Any) -> None:
        """Put the best weights back; where the last were the best there is nothing to do."""
        with torch.no_grad():
            for name, item in model.named_parameters():
                if name in self.weights:
                    item.copy_(self.weights[name])


class _Report(TrainerCallback):
    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.progress is not None:
            self.progress(int(state.global_step), int(state.max_steps))
