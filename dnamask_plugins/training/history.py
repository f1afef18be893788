"""The log of a run; its older rows move from the Trainer's state to a file, so that saving stays fast."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from dnamask_plugins import terminal

HISTORY_FILE: Final = "history.jsonl"
BLOCK: Final = 1000
"""Rows that move at a time, once twice as many are there: runs with fewer never see the file."""


class LogHistory(TrainerCallback, ExportableState):  # type: ignore[misc]
    """All rows that a run logged, oldest first.

    The Trainer keeps every row in its state, and copies and writes all of them into every checkpoint, so
    that saving takes ever longer. Here the oldest go to ``history.jsonl`` of the run's folder just before a
    checkpoint is saved; the checkpoint says how much of that file belongs to it, and a resumed run goes on
    from there.

    Parameters
    ----------
    folder : Path
        Of the run.
    writes : bool
        Whether this process is the one that saves.
    """

    def __init__(self, folder: Path, writes: bool = True) -> None:
        self.path, self.writes = folder / HISTORY_FILE, writes
        self._bytes = 0

    def state(self) -> dict[str, Any]:
        """Return what the checkpoint keeps."""
        return {"args": {}, "attributes": {"bytes": self._bytes}}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Forget what was moved after the checkpoint that is being resumed."""
        # A checkpoint of a version before has no such entry, and saving expects one.
        saved = state.stateful_callbacks.setdefault(type(self).__name__, self.state())
        kept = saved["attributes"]["bytes"] if state.global_step else 0
        there = self.path.stat().st_size if self.path.is_file() else 0
        self._bytes = kept if there >= kept else 0
        if not self.writes:
            return
        if there < kept:
            note = f"{self.path} is cut short: what was logged before step {_first_step(state)} is lost"
            terminal.console(stderr=True, soft_wrap=True).print(note)
        if not self._bytes:
            self.path.unlink(missing_ok=True)

    def shed(self, state: TrainerState) -> None:
        """Move the oldest rows to the file when there are many; what cannot be written stays where it is."""
        rows = state.log_history
        count = len(rows) // BLOCK * BLOCK - BLOCK
        if count <= 0:
            return
        text = "".join(json.dumps(row) + "\n" for row in rows[:count]).encode()
        if self.writes:
            with self.path.open("r+b" if self.path.is_file() else "wb") as file:
                file.truncate(self._bytes)
                file.seek(self._bytes)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        self._bytes += len(text)
        del rows[:count]

    def rows(self, state: TrainerState) -> list[Mapping[str, Any]]:
        """Return everything that was logged, oldest first."""
        moved = []
        if self._bytes and self.path.is_file():
            with self.path.open("rb") as file:
                moved = [json.loads(line) for line in file.read(self._bytes).splitlines()]
        return [*moved, *state.log_history]


def _first_step(state: TrainerState) -> int:
    return int(state.log_history[0]["step"]) if state.log_history else state.global_step
