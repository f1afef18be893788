"""The curriculum as a Trainer callback: keeps the step, reads evaluations, is saved in every checkpoint."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from dnamask_plugins.protocols import Curriculum
from dnamask_plugins.training.schedule import Schedule, metrics_from_trainer


class CurriculumCallback(TrainerCallback, ExportableState):  # type: ignore[misc]
    """Drive a curriculum from any Hugging Face Trainer.

    The state is saved in ``trainer_state.json`` of every checkpoint and restored from there.

    Parameters
    ----------
    schedule : Schedule or Curriculum
        Shared with the collator that masks.
    """

    def __init__(self, schedule: Schedule | Curriculum) -> None:
        self.schedule = schedule if isinstance(schedule, Schedule) else Schedule(schedule)

    def state(self) -> dict[str, Any]:
        """Return what the checkpoint keeps."""
        return {"args": {}, "attributes": self.schedule.to_json()}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take the state back from the checkpoint that is being resumed."""
        saved = state.stateful_callbacks.get(type(self).__name__)
        if state.global_step and isinstance(saved, dict):
            self.schedule.restore(saved["attributes"])
        self.schedule.step = state.global_step

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Keep the step."""
        self.schedule.step = state.global_step

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Keep the step: what is collated from here on belongs to the next one."""
        self.schedule.step = state.global_step

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Hand the evaluation to the curriculum."""
        self.schedule.step = state.global_step
        found = metrics_from_trainer(kwargs.get("metrics") or {})
        # Masks that hid no token gave no measurement: the curriculum waits for the next one.
        if found:
            self.schedule.evaluated(found)
