"""Runs as processes: several at once, stopped by signals, killed outright."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from recording import same_weights

from dnamask_plugins.files import write_json


@pytest.fixture
def arguments(tiny: Any, tmp_path: Path) -> Any:
    """Return a maker of ``pretrain`` arguments for a run that takes a while."""

    def make(name: str, loss: str = "token", **trainer: Any) -> list[str]:
        trainer = {"max_steps": 12, "eval_steps": 4, "save_steps": 4, **trainer}
        settings = tiny(name, loss=loss, trainer=trainer)
        lines = tmp_path / f"{name}.toml"
        lines.write_text(as_toml(settings.to_mapping()))
        return ["pretrain", "--config", str(lines), "--quiet"]

    return make


def as_toml(values: dict[str, Any], prefix: str = "") -> str:
    plain = [
        f"{k} = {json.dumps(v)}\n" for k, v in values.items() if v is not None and not isinstance(v, dict)
    ]
    tables = [
        f"\n[{prefix}{key}]\n" + as_toml(value, f"{prefix}{key}.")
        for key, value in values.items()
        if isinstance(value, dict)
    ]
    return "".join(plain + tables)


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def dnamask(*arguments: str, **keywords: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dnamask_plugins", *arguments]
    return subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False, **keywords
    )


def history(folder: Path) -> list[dict[str, Any]]:
    return [row for row in json.loads((folder / "run.json").read_text())["history"] if "loss" in row]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_two_processes_see_the_same_masks_and_the_same_loss(arguments: Any, tmp_path: Path) -> None:
    common = {"loss": "both", "per_device_train_batch_size": 4, "use_cpu": True}
    one = dnamask(*arguments("one", gradient_accumulation_steps=2, **common))
    assert one.returncode == 0, one.stderr
    pair = arguments("two", gradient_accumulation_steps=1, **common)
    launch = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1",
        "--master-port", str(free_port()), "-m", "dnamask_plugins", *pair,
    ]  # fmt: skip
    two = subprocess.run(launch, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    assert two.returncode == 0, two.stderr
    first, second = history(tmp_path / "one"), history(tmp_path / "two")
    assert [row["loss"] for row in second] == pytest.approx([row["loss"] for row in first], rel=1e-4)
    measured = [
        json.loads((tmp_path / name / "run.json").read_text())["progress"]["nucleotide_perplexity"]
        for name in ("one", "two")
    ]
    assert measured[0] == pytest.approx(measured[1], rel=1e-4)
    strategy = [[row[key] for key in row if key.startswith("strategy/")] for row in first]
    assert strategy == [[row[key] for key in row if key.startswith("strategy/")] for row in second]
    switch = [
        json.loads((tmp_path / name / "run.json").read_text())["curriculum"]["switch_step"]
        for name in ("one", "two")
    ]
    assert switch == [8, 8]


def interrupted(arguments: list[str], number: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a run, send a signal once it has a checkpoint, and wait for its end."""
    command = [sys.executable, "-m", "dnamask_plugins", *arguments]
    process = subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.time() + 120
    while not list(folder.glob("checkpoint-*/complete.json")) and process.poll() is None:
        assert time.time() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_saves_and_says_resume_me(arguments: Any, tmp_path: Path, number: int) -> None:
    command = arguments("stopped", max_steps=400, eval_steps=4, save_steps=4)
    stopped = interrupted(command, number, tmp_path / "stopped")
    assert stopped.returncode == 75, stopped.stderr
    assert "--resume" in stopped.stderr
    assert len(stopped.stderr.strip().splitlines()) == 1
    assert list((tmp_path / "stopped").glob("checkpoint-*/complete.json"))


def test_killed_run_resumes_to_the_same_weights(arguments: Any, tmp_path: Path) -> None:
    assert dnamask(*arguments("whole", max_steps=40)).returncode == 0
    command = arguments("killed", max_steps=40)
    killed = interrupted(command, signal.SIGKILL, tmp_path / "killed")
    assert killed.returncode == -signal.SIGKILL
    resumed = dnamask(*command, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert same_weights(tmp_path / "whole", tmp_path / "killed")
    assert [row["loss"] for row in history(tmp_path / "whole")] == [
        row["loss"] for row in history(tmp_path / "killed")
    ]


def test_errors_on_the_command_line_are_one_line_and_exit_code_2(arguments: Any, tmp_path: Path) -> None:
    for extra, word in (
        (["--mask-rate", "1.2"], "mask rate"),
        (["--mask-rate", "0"], "mask rate"),
        (["--backbone", "dnabrt"], "dnabert"),
        (["--curriculum", "cm_gem"], "cm_gems"),
        (["--set", "trainer.learning_rat=1"], "learning_rate"),
        (["--set", "nonsense"], "KEY=VALUE"),
        (["--npmi", str(tmp_path)], str(tmp_path)),
    ):
        failed = dnamask(*arguments("bad"), *extra)
        assert failed.returncode == 2, failed.stderr
        assert word in failed.stderr
        assert len(failed.stderr.strip().splitlines()) == 1, failed.stderr
        assert not (tmp_path / "bad").exists()


def test_write_json_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    from dnamask_plugins.errors import InputError

    with pytest.raises(InputError, match="cannot write"):
        write_json(tmp_path / "file" / "below.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
