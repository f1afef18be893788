"""Runs as processes: several at once, stopped by signals, killed outright.

Where starting Python is not what a test is about, a process is one of `warm_python`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
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


def dnamask(python: str | Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [python, "-m", "dnamask_plugins", *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)


def history(folder: Path) -> list[dict[str, Any]]:
    return [row for row in json.loads((folder / "run.json").read_text())["history"] if "loss" in row]


def launched(
    python: str | Path, *arguments: str, meanwhile: Callable[[int], None] = lambda launcher: None
) -> subprocess.CompletedProcess[str]:
    """Run what README says, with a port that is free; on a machine with GPUs as on one without."""
    launcher = readme_command()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {
        **ENVIRONMENT,
        "CUDA_VISIBLE_DEVICES": "",
        "PET_MASTER_PORT": port,
        "PYTHON_EXEC": str(python),
    }
    command = [str(Path(sys.executable).parent / launcher[0]), *launcher[1:], *arguments]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    meanwhile(process.pid)
    out, err = process.communicate(timeout=600)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def told(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in result.stderr.splitlines() if line.startswith("error: ")]


def readme_command() -> list[str]:
    readme = Path(__file__).resolve().parents[2] / "README.md"
    found = re.search(r"`(torchrun [^`]*) pretrain \.\.\.`", readme.read_text())
    assert found is not None
    return found[1].split()


def test_the_command_of_the_readme_is_one_run(arguments: Any, tmp_path: Path, warm_python: Path) -> None:
    """Not two that write into one folder; equal to one process with the same global batch."""
    one = dnamask(warm_python, *arguments("one", loss="both", gradient_accumulation_steps=2))
    assert one.returncode == 0, one.stderr
    pair = arguments("two", loss="both", gradient_accumulation_steps=1)
    two = launched(sys.executable, *pair)
    assert two.returncode == 0, two.stderr
    first, second = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("one", "two"))
    assert (first["progress"]["processes"], second["progress"]["processes"]) == (1, 2)
    assert first["progress"]["examples_per_step"] == second["progress"]["examples_per_step"] == 8
    assert second["progress"]["nucleotide_perplexity"] == pytest.approx(
        first["progress"]["nucleotide_perplexity"], rel=1e-4
    )
    assert [run["curriculum"]["switch_step"] for run in (first, second)] == [8, 8]
    rows, others = history(tmp_path / "one"), history(tmp_path / "two")
    assert [row["loss"] for row in others] == pytest.approx([row["loss"] for row in rows], rel=1e-4)
    strategy = [[row[key] for key in row if key.startswith("strategy/")] for row in rows]
    assert strategy == [[row[key] for key in row if key.startswith("strategy/")] for row in others]

    before = (tmp_path / "two" / "run.json").read_bytes()
    alone = dnamask(warm_python, *pair, "--resume")
    assert alone.returncode == 2
    assert "processes (2, now 1)" in alone.stderr
    assert (tmp_path / "two" / "run.json").read_bytes() == before


def test_processes_that_would_run_alone_are_refused_in_one_line(
    arguments: Any, tmp_path: Path, warm_python: Path
) -> None:
    refused = launched(warm_python, *arguments("alone", use_cpu=False))
    assert refused.returncode != 0
    assert len(told(refused)) == 1, refused.stderr
    assert "2 processes were started but the Trainer sees 1" in told(refused)[0]
    assert "exitcode  : 2" in refused.stderr
    assert not (tmp_path / "alone").exists()


def test_what_runs_once_is_refused_under_a_launcher(tmp_path: Path) -> None:
    """Before the model, the data or the folder are looked at: none of them is there."""
    out = ["--out", str(tmp_path / "out")]
    given = ["gue", "run", "--model", "none", "--gue-dir", str(tmp_path), *out]
    refused = launched(sys.executable, *given)
    assert refused.returncode != 0
    (line,) = told(refused)
    assert "'gue run' was started as 2 processes" in line
    assert "start it once as 'dnamask gue run ...'" in line
    assert list(tmp_path.iterdir()) == []


def rank_of_launcher(launcher: int, rank: int) -> psutil.Process:
    """Return one of the processes that a launcher started."""
    (found,) = (
        each for each in psutil.Process(launcher).children() if each.environ().get("RANK") == str(rank)
    )
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks into the environment of other processes")
@pytest.mark.parametrize("rank", [1])
def test_a_signal_to_one_of_two_stops_both_after_the_same_step(
    arguments: Any, tmp_path: Path, warm_python: Path, rank: int
) -> None:
    command, folder = arguments("pair", max_steps=120, eval_steps=10, save_steps=10), tmp_path / "pair"

    def send(launcher: int) -> None:
        wait_for_checkpoint(folder, lambda: psutil.pid_exists(launcher))
        rank_of_launcher(launcher, rank).send_signal(signal.SIGTERM)

    stopped = launched(warm_python, *command, meanwhile=send)
    assert stopped.returncode != 0
    (line,) = told(stopped)
    found = re.search(r"stopped by signal 15 after step (\d+), saved in", line)
    assert found is not None
    step = int(found[1])
    assert 10 <= step < 120
    assert (folder / f"checkpoint-{step}" / "complete.json").is_file()
    resumed = launched(warm_python, *command, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    record = json.loads((folder / "run.json").read_text())
    assert [each["from_step"] for each in record["sessions"]] == [0, step]
    assert record["changes"] == []
    assert record["progress"]["processes"] == 2


def wait_for_checkpoint(folder: Path, alive: Callable[[], bool]) -> None:
    deadline = time.time() + 120
    while not list(folder.glob("checkpoint-*/complete.json")) and alive():
        assert time.time() < deadline
        time.sleep(0.01)


def interrupted(
    python: Path, arguments: list[str], number: int, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Start a run, send a signal once it has a checkpoint, and wait for its end."""
    command = [python, "-m", "dnamask_plugins", *arguments]
    process = subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for_checkpoint(folder, lambda: process.poll() is None)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_saves_and_says_resume_me(
    arguments: Any, tmp_path: Path, warm_python: Path, number: int
) -> None:
    command = arguments("stopped", max_steps=400, eval_steps=4, save_steps=4)
    stopped = interrupted(warm_python, command, number, tmp_path / "stopped")
    assert stopped.returncode == 75, stopped.stderr
    assert "--resume" in stopped.stderr
    assert len(stopped.stderr.strip().splitlines()) == 1
    assert list((tmp_path / "stopped").glob("checkpoint-*/complete.json"))


def test_killed_run_resumes_to_the_same_weights(arguments: Any, tmp_path: Path, warm_python: Path) -> None:
    assert dnamask(warm_python, *arguments("whole", max_steps=40)).returncode == 0
    command = arguments("killed", max_steps=40)
    killed = interrupted(warm_python, command, signal.SIGKILL, tmp_path / "killed")
    assert killed.returncode == -signal.SIGKILL
    resumed = dnamask(warm_python, *command, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert same_weights(tmp_path / "whole", tmp_path / "killed")
    assert [row["loss"] for row in history(tmp_path / "whole")] == [
        row["loss"] for row in history(tmp_path / "killed")
    ]


def test_errors_on_the_command_line_are_one_line_and_exit_code_2(
    arguments: Any, tmp_path: Path, warm_python: Path
) -> None:
    for extra, word in (
        (["--mask-rate", "1.2"], "mask rate"),
        (["--mask-rate", "0"], "mask rate"),
        (["--backbone", "dnabrt"], "dnabert"),
        (["--curriculum", "cm_gem"], "cm_gems"),
        (["--set", "trainer.learning_rat=1"], "learning_rate"),
        (["--set", "nonsense"], "KEY=VALUE"),
        (["--npmi", str(tmp_path)], str(tmp_path)),
    ):
        failed = dnamask(warm_python, *arguments("bad"), *extra)
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
