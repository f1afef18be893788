"""Rows of the log that moved to a file: none lost, none twice, whatever happens in between."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from dnamask_plugins.pretrain.run import pretrain
from dnamask_plugins.pretrain.signals import Interrupted
from dnamask_plugins.training import history as module
from dnamask_plugins.training.checkpoints import seal
from dnamask_plugins.training.history import HISTORY_FILE, LogHistory

# The last row speaks of the session, not of the run.
OF_THE_SESSION = ("train_loss", "train_runtime", "train_samples_per_second", "train_steps_per_second")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 4)


def row(step: int) -> dict[str, float]:
    return {"step": step, "loss": step / 7}


def begin(log: LogHistory, state: TrainerState, folder: Path) -> None:
    log.on_train_begin(TrainingArguments(str(folder)), state, TrainerControl())


def test_rows_move_in_blocks_and_come_back_in_order(tmp_path: Path) -> None:
    log, state, lengths = LogHistory(tmp_path), TrainerState(), []
    for step in range(1, 24):
        state.log_history.append(row(step))
        log.shed(state)
        lengths.append(len(state.log_history))
    assert max(lengths) == 7
    assert lengths[:8] == [1, 2, 3, 4, 5, 6, 7, 4]
    assert log.rows(state) == [row(step) for step in range(1, 24)]


def test_what_was_moved_after_the_checkpoint_is_forgotten(tmp_path: Path) -> None:
    """A kill between the move and the checkpoint leaves rows in the file that the checkpoint holds too."""
    log, state = LogHistory(tmp_path), TrainerState()
    state.log_history = [row(step) for step in range(1, 10)]
    log.shed(state)
    saved = TrainerState(
        global_step=9,
        log_history=list(state.log_history),
        stateful_callbacks={"LogHistory": json.loads(json.dumps(log.state()))},
    )
    state.log_history += [row(step) for step in range(10, 15)]
    log.shed(state)
    again = LogHistory(tmp_path)
    begin(again, saved, tmp_path)
    assert again.rows(saved) == [row(step) for step in range(1, 10)]
    saved.log_history += [row(100 + step) for step in range(5)]
    again.shed(saved)
    assert again.rows(saved) == [row(step) for step in range(1, 10)] + [row(100 + step) for step in range(5)]


def test_rows_that_could_not_be_written_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, state = LogHistory(tmp_path), TrainerState()
    state.log_history = [row(step) for step in range(1, 10)]

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        log.shed(state)
    assert len(state.log_history) == 9
    monkeypatch.undo()
    monkeypatch.setattr(module, "BLOCK", 4)
    log.shed(state)
    assert log.rows(state) == [row(step) for step in range(1, 10)]


def test_a_lost_file_is_told_and_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, state = LogHistory(tmp_path), TrainerState(global_step=9)
    state.log_history = [row(step) for step in range(5, 10)]
    state.stateful_callbacks = {"LogHistory": {"args": {}, "attributes": {"bytes": 100}}}
    begin(log, state, tmp_path)
    assert "what was logged before step 5 is lost" in " ".join(capsys.readouterr().err.split())
    assert log.rows(state) == state.log_history


def test_a_new_run_does_not_read_what_another_left(tmp_path: Path) -> None:
    (tmp_path / HISTORY_FILE).write_text('{"step": 1}\n')
    log, state = LogHistory(tmp_path), TrainerState()
    begin(log, state, tmp_path)
    assert log.rows(state) == []
    assert not (tmp_path / HISTORY_FILE).exists()


def test_a_checkpoint_from_before_is_resumed(tiny: Any) -> None:
    """Checkpoints of versions that kept the whole log know nothing of it."""
    settings = tiny(trainer={"max_steps": 4, "logging_steps": 1, "eval_steps": 2, "save_steps": 2})
    first = pretrain(settings, quiet=True)
    checkpoint = first.folder / "checkpoint-4"
    path = checkpoint / "trainer_state.json"
    saved = json.loads(path.read_text())
    del saved["stateful_callbacks"]["LogHistory"]
    path.write_text(json.dumps(saved))
    seal(checkpoint)
    longer = {**settings.trainer, "max_steps": 6}
    done = pretrain(replace(settings, trainer=longer), quiet=True, resume_anyway=True)
    assert [each["step"] for each in done.history if "loss" in each] == [1, 2, 3, 4, 5, 6]


def test_an_interrupted_run_has_the_log_of_one_left_alone(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = {"max_steps": 24, "logging_steps": 1, "eval_steps": 4, "save_steps": 3, "save_total_limit": 2}
    with monkeypatch.context() as patched:
        patched.setattr(module, "BLOCK", 1000)
        whole = pretrain(tiny(trainer=trainer), quiet=True)
    assert not (whole.folder / HISTORY_FILE).exists()
    output = whole.folder.with_name("interrupted")
    settings = replace(tiny(trainer=trainer), output=str(output))
    original = LogHistory.shed
    stopped: list[int] = []

    def killed(log: LogHistory, state: TrainerState) -> None:
        original(log, state)
        if state.global_step == 15 and not stopped:
            stopped.append(15)
            raise Interrupted("a kill after the move, before the checkpoint")

    monkeypatch.setattr(LogHistory, "shed", killed)
    with pytest.raises(Interrupted):
        pretrain(settings, quiet=True)
    done = pretrain(settings, quiet=True, resume=True)
    assert (output / HISTORY_FILE).exists()
    kept = json.loads((output / "checkpoint-24" / "trainer_state.json").read_text())["log_history"]
    assert len(kept) < len(done.history) // 2
    assert [untimed(each) for each in done.history] == [untimed(each) for each in whole.history]
    assert json.loads((output / "run.json").read_text())["history"] == done.history


def untimed(values: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in values.items() if key not in OF_THE_SESSION}
