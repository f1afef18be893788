"""A small corpus and table, settings for runs of seconds, and a disk that fills up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "reliability"))

import tiny

from dnamask_plugins.pretrain.settings import PretrainSettings, merge


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Corpus and table."""
    return tiny.prepare(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run_settings(
    prepared: tuple[Path, Path], tmp_path: Path, curves_rendered_once: None
) -> Callable[..., PretrainSettings]:
    """Return a maker of settings for a run of 12 steps; nested changes as in a TOML file."""

    def make(output: str | Path = "model", **changes: Any) -> PretrainSettings:
        short = {
            "max_steps": 12,
            "eval_steps": 3,
            "save_steps": 3,
            "dataloader_num_workers": 0,
            "report_to": [],
        }
        values = tiny.settings(*prepared, tmp_path / output, "cm_gems", **short)
        made = PretrainSettings.from_mapping(merge(values, changes))
        return replace(made, output=str(tmp_path / output))

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Return a maker of folders on a file system of so many KiB; needs the right to mount."""
    mounted: list[Path] = []

    def make(kibibytes: int) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(folder)]
        if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small file system needs root")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=False)
