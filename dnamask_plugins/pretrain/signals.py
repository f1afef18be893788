"""SIGTERM, SIGINT and Slurm's SIGUSR1: finish the step, save, and say "resume me" with the exit code."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.processes import launched_processes
from dnamask_plugins.signals import EXIT_CODES, RESUME


class Interrupted(DnamaskError):
    """Training was stopped by a signal after it saved."""

    exit_code = RESUME


class StopOnSignal(TrainerCallback):  # type: ignore[misc]
    """Turn the first signal into "stop and save after this step"; a second one ends the process at once.

    Of several processes the first signal to any stops all after the same step. There a second signal is
    no more than the first: launchers hand on what a terminal has sent to every process already.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopOnSignal:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in EXIT_CODES}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        if launched_processes() > 1:
            return
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Save and stop when a signal came during the step."""
        if args.world_size > 1:
            self.received = _highest(self.received or 0, args) or None
        if self.received is not None:
            control.should_save = control.should_log = control.should_training_stop = True
        return control


def _highest(number: int, args: TrainingArguments) -> int:
    """Return the highest number over all processes."""
    told = torch.tensor(number, device=args.device)
    torch.distributed.all_reduce(told, op=torch.distributed.ReduceOp.MAX)
    return int(told)
