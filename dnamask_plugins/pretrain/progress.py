"""A progress bar that also says which strategy is in force and how perplexity moves."""

from __future__ import annotations

from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from dnamask_plugins import terminal
from dnamask_plugins.training.schedule import Schedule


class PretrainProgress(TrainerCallback):  # type: ignore[misc]
    """Rich progress bar on standard error; silent on all but the first process."""

    def __init__(self, schedule: Schedule, quiet: bool = False) -> None:
        self.schedule, self.quiet = schedule, quiet
        self.progress: Progress | None = None
        self.fields = {"loss": "-", "perplexity": "-"}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Open the bar."""
        if self.quiet or not state.is_world_process_zero:
            return
        self.progress = terminal.bar(
            terminal.words("{task.description}", style="bold"),
            BarColumn(),
            MofNCompleteColumn(),
            terminal.words("loss {task.fields[loss]}  perplexity {task.fields[perplexity]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self.progress.start()
        self.task = self.progress.add_task(
            self._strategy(), total=state.max_steps, completed=state.global_step, **self.fields
        )

    def _strategy(self) -> str:
        names = [name for name, _ in sorted(self.schedule.spec.weights, key=lambda pair: -pair[1])]
        return " + ".join(names)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Advance."""
        if self.progress:
            self.progress.update(self.task, completed=state.global_step, description=self._strategy())

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Show the newest figures."""
        logs = kwargs.get("logs") or {}
        if "loss" in logs:
            self.fields["loss"] = f"{logs['loss']:.3f}"
        if "eval_perplexity" in logs:
            self.fields["perplexity"] = f"{logs['eval_perplexity']:.1f}"
        if self.progress:
            self.progress.update(self.task, **self.fields)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Close the bar."""
        self.close()

    def close(self) -> None:
        """Stop drawing, also after an error."""
        if self.progress:
            self.progress.stop()
            self.progress = None
