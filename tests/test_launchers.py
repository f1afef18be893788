"""What launchers put into the environment, and what is refused because of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from dnamask_plugins.cli import PATIENCE, main
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.processes import check_launcher, launched_processes, require_one_process

NAMES = (
    "WORLD_SIZE", "RANK", "LOCAL_RANK", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE",
    "MASTER_PORT", "ACCELERATE_MIXED_PRECISION", "ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED",
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def set_all(patch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        patch.setenv(name, value)


def test_processes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launched_processes() == 1
    set_all(monkeypatch, WORLD_SIZE="4", RANK="1", LOCAL_RANK="1")
    assert launched_processes() == 4
    with pytest.raises(ConfigError, match=r"'gue run' was started as 4 processes.*start it once"):
        require_one_process("gue run")


@pytest.mark.parametrize("command", ["gue run", "fewshot run", "finetune"])
@pytest.mark.parametrize("rank", ["0", "1"])
def test_what_runs_once_is_refused_and_the_first_process_may_speak_first(
    command: str,
    rank: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A launcher ends all processes when one ends: the silent one ended before the other had said why."""
    set_all(monkeypatch, WORLD_SIZE="2", RANK=rank, LOCAL_RANK=rank)
    waited: list[float] = []
    monkeypatch.setattr("dnamask_plugins.cli.time.sleep", waited.append)
    folders = {"gue run": ["--gue-dir", "x", "--out"], "fewshot run": ["--fewshot-dir", "x", "--out"]}
    arguments = [*command.split(), *folders.get(command, ["x", "-o"]), str(tmp_path / "out"), "--model", "x"]
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert waited == [PATIENCE[2]] * int(rank)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"'{command}' was started as 2 processes" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rank", ["0", "1"])
def test_of_processes_that_are_stopped_one_says_so(
    rank: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The launcher stops a process that is late, when another has told what is wrong."""
    set_all(monkeypatch, WORLD_SIZE="2", RANK=rank, LOCAL_RANK=rank)
    monkeypatch.setattr(
        "dnamask_plugins.processes.launched_processes", lambda: os.kill(os.getpid(), signal.SIGTERM)
    )
    with pytest.raises(SystemExit) as stopped:
        main(["gue", "run", "--model", "x", "--gue-dir", "x", "--out", "x"])
    assert stopped.value.code == 75
    assert len(capsys.readouterr().err.splitlines()) == (rank == "0")


@pytest.mark.parametrize("value", ["two", "0", "-1", "1.5"])
def test_a_world_size_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WORLD_SIZE", value)
    with pytest.raises(ConfigError, match="WORLD_SIZE"):
        launched_processes()


def test_a_world_size_that_no_launcher_set_is_refused(monkeypatch: pytest.MonkeyPatch, tiny: object) -> None:
    """The Trainer would wait for ever for the others, or run alone and say that it was two."""
    from dnamask_plugins.pretrain.run import pretrain

    monkeypatch.setenv("WORLD_SIZE", "2")
    settings = tiny()  # type: ignore[operator]
    with pytest.raises(ConfigError, match="RANK and LOCAL_RANK are not set"):
        pretrain(settings, quiet=True)
    assert not Path(settings.output).exists()


def test_accelerate_that_starts_one_of_two_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """``accelerate launch --cpu --num_processes 2`` starts one process and says nothing."""
    check_launcher()
    set_all(monkeypatch, ACCELERATE_MIXED_PRECISION="no", MASTER_PORT="29500")
    with pytest.raises(ConfigError, match="starts one: use 'torchrun"):
        check_launcher()


@pytest.mark.parametrize("name", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"])
def test_a_sharded_model_is_refused_with_what_to_use(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "true")
    with pytest.raises(ConfigError, match=r"not supported.*torchrun"):
        check_launcher()
