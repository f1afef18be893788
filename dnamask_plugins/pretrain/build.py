"""From settings to a run that is ready to go: the model before its first step and the trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import transformers
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.pretrain.lora import with_adapters
from dnamask_plugins.pretrain.parts import Parts, check_lengths
from dnamask_plugins.pretrain.progress import PretrainProgress
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.pretrain.signals import StopOnSignal
from dnamask_plugins.quiet import silence_transformers
from dnamask_plugins.training.examples import Tokenize
from dnamask_plugins.training.schedule import Schedule
from dnamask_plugins.training.trainer import MaskingTrainer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TrainingArguments

    from dnamask_plugins.models.loading import ModelDescription
    from dnamask_plugins.training.trainer import MaskingTrainer


@dataclass(frozen=True, eq=False)
class Start:
    """The model before its first step, and where it came from."""

    model: PreTrainedModel
    description: ModelDescription


@dataclass(frozen=True, eq=False)
class Run:
    """A run that is ready to go."""

    settings: PretrainSettings
    parts: Parts
    output: Path
    description: ModelDescription
    schedule: Schedule
    trainer: MaskingTrainer
    stop: StopOnSignal
    close_bar: Callable[[], None]

    @property
    def writes(self) -> bool:
        """Whether this is the process that writes files."""
        return bool(self.trainer.is_world_process_zero())


def build_model(settings: PretrainSettings, parts: Parts) -> Start:
    """Build or load the model of a run, with its embeddings as `init` wants them."""
    silence_transformers()
    model, description = load_masked_lm(
        settings.backbone,
        parts.tokenizer,
        seed=settings.seed,
        head="fresh" if settings.fresh_head else "kept",
        **settings.model,
    )
    parts.beginning.apply(model, description, settings.seed)
    check_lengths(settings, parts.tokenizer, description.max_positions)
    return Start(model, description)


def build_run(
    settings: PretrainSettings, parts: Parts, start: Start, arguments: TrainingArguments, quiet: bool
) -> Run:
    """Put the trainer of a run together; changes the global random state."""
    transformers.set_seed(settings.seed)
    model: Any = start.model
    if settings.lora is not None:
        model = with_adapters(model, settings, start.description)
    schedule = Schedule(parts.curriculum)
    stop = StopOnSignal()
    bar = PretrainProgress(schedule, quiet)
    trainer = MaskingTrainer(
        model,
        arguments,
        Tokenize(parts.sampler, parts.tokenizer, settings.mask.repeat_weight),
        parts.masker,
        schedule,
        parts.validation,
        callbacks=[stop, bar],
        objective=parts.objective,
    )
    for unwanted in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(unwanted)
    output = Path(arguments.output_dir)
    return Run(settings, parts, output, start.description, schedule, trainer, stop, bar.close)
