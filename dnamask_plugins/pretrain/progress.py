"""What a run costs, how fast it goes and what holds now: a bar on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import time
from typing import Any, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from dnamask_plugins import terminal
from dnamask_plugins.pretrain.pace import Pace, duration
from dnamask_plugins.training.schedule import Schedule

_LINE_EVERY: Final = 60.0
_FIRST_LINE: Final = 10.0
"""Seconds between lines where standard error is no terminal, and before the first one."""


class PretrainProgress(TrainerCallback):  # type: ignore[misc]
    """Says what the run will cost before it starts, then its rate; silent on all but the first process."""

    def __init__(self, schedule: Schedule, quiet: bool = False) -> None:
        self.schedule, self.quiet = schedule, quiet
        self.progress: Progress | None = None
        self.console = terminal.console(stderr=True, soft_wrap=True)
        self.fields: dict[str, Any] = {"loss": "-", "perplexity": "-", "pace": ""}
        self.micro = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Say what it will cost, and open the bar."""
        self.batch = args.train_batch_size * args.world_size
        self.per_step = self.batch * args.gradient_accumulation_steps
        self.pace = Pace(state.max_steps * self.per_step, state.global_step * self.per_step)
        self.next_line = time.monotonic() + _FIRST_LINE
        if self.quiet or not state.is_world_process_zero:
            return
        steps = state.max_steps - state.global_step
        self.console.print(
            f"{steps:,} steps of {self.per_step:,} windows: {steps * self.per_step:,} windows; "
            "how long that takes here is shown as soon as it is known"
        )
        self.pace.at(self.pace.done)
        self.progress = terminal.bar(
            terminal.words("{task.description}", style="bold"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            terminal.words("loss {task.fields[loss]}  perplexity {task.fields[perplexity]}"),
            TimeElapsedColumn(),
            terminal.words("{task.fields[pace]}"),
        )
        self.progress.start()
        self.task = self.progress.add_task(
            self._strategy(), total=state.max_steps, completed=state.global_step, **self.fields
        )

    def _strategy(self) -> str:
        names = [name for name, _ in sorted(self.schedule.spec.weights, key=lambda pair: -pair[1])]
        return " + ".join(names)

    def on_substep_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Advance by a micro-batch: the first step of the papers' recipe can take minutes."""
        self.micro += 1
        self._advance(state)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Advance by a step."""
        self.micro = 0
        self._advance(state)

    def _advance(self, state: TrainerState) -> None:
        if not self.progress:
            return
        self.pace.at(state.global_step * self.per_step + self.micro * self.batch)
        rate, left = self.pace.rate, self.pace.left
        if rate and left is not None:
            self.fields["pace"] = f"{rate:.3g} windows/s, {duration(left)} left"
        self.progress.update(
            self.task, completed=state.global_step, description=self._strategy(), **self.fields
        )
        if not self.console.is_terminal and time.monotonic() >= self.next_line:
            self.next_line = time.monotonic() + _LINE_EVERY
            self.console.print(
                f"step {state.global_step:,} of {state.max_steps:,}, {self._strategy()}: "
                f"loss {self.fields['loss']}, perplexity {self.fields['perplexity']}, {self.fields['pace']}"
            )

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take up the newest figures."""
        logs = kwargs.get("logs") or {}
        if "loss" in logs:
            self.fields["loss"] = f"{logs['loss']:.3f}"
        if "eval_perplexity" in logs:
            self.fields["perplexity"] = f"{logs['eval_perplexity']:.1f}"

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
