"""Runs killed or stopped from outside go on to the same bits: a small part of the study of kills."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import kill
import pytest
import tiny

# Runs are forked from this process, and need not import what it has.
import dnamask_plugins.pretrain.run
import dnamask_plugins.training.trainer  # noqa: F401


@pytest.fixture(scope="module")
def gue(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], list[str]]:
    """Two tasks, two seeds and a tiny model."""
    return kill.gue_world(tmp_path_factory.mktemp("gue"))


def test_a_run_killed_again_and_again_ends_in_the_same_bits(
    prepared: tuple[Path, Path], tmp_path: Path
) -> None:
    result = kill.one_curriculum(random.Random(11), tmp_path, *prepared, "cm_gems", kills=3, as_command=False)
    assert result["differences"] == []
    assert sum(result["kills"].values()) >= 3
    assert {"optimizer", "masks", "log history", "curriculum state"} <= set(result["compared"])


def test_the_comparison_sees_a_difference(prepared: tuple[Path, Path], tmp_path: Path) -> None:
    """Otherwise the study above could not fail."""
    found = []
    for seed in (0, 1):
        settings = tiny.settings(*prepared, tmp_path / f"seed-{seed}", "constant", max_steps=5)
        process = kill.forked({**settings, "seed": seed})
        process.join(120)
        assert process.exitcode == 0
        found.append(kill.remains(tmp_path / f"seed-{seed}"))
    same = {key for key in found[0] if found[0][key] == found[1][key]}
    assert same <= {"curriculum state", "learning-rate schedule"}


def test_gue_run_goes_on_where_it_was_stopped(
    gue: Callable[[Path], list[str]], tmp_path: Path, warm_python: Path
) -> None:
    command = [warm_python, "-m", "dnamask_plugins", *gue(tmp_path / "out")]
    process = subprocess.Popen(
        command, env=tiny.ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("out/trials/*.json")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert len(errors.strip().splitlines()) == 1
    assert "again" in errors
    finished = {each.name: each.stat().st_mtime_ns for each in tmp_path.glob("out/trials/*.json")}
    assert 1 <= len(finished) < 4
    again = subprocess.run(
        command, env=tiny.ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )
    assert again.returncode == 0, again.stderr
    assert f"{len(finished)} of 4 trials are finished and skipped" in again.stderr
    after = {each.name: each.stat().st_mtime_ns for each in tmp_path.glob("out/trials/*.json")}
    assert len(after) == 4
    assert finished.items() <= after.items()
    assert len(list(tmp_path.glob("out/records/**/*.json"))) == 2
