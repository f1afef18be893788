"""Packages are built to wheels and installed into folders of their own, as pip would for a stranger."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_python(
    python: str | Path, *arguments: str, site: Path | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run an interpreter with a site folder on its path; the package itself comes from this checkout."""
    path = os.pathsep.join([*([str(site)] if site else []), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path, "COLUMNS": "160", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [python, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def run(warm_python: Path) -> Run:
    """Run Python and demand success."""

    def call(
        *arguments: str, site: Path | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = run_python(warm_python, *arguments, site=site, cwd=cwd)
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done

    return call


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Build wheels from source folders and install them into one new folder; no network."""
    pytest.importorskip("setuptools", minversion="77", reason="wheels are built with the setuptools at hand")

    def build_and_install(*sources: Path) -> Path:
        wheels, site = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site")
        offline = ["--no-deps", "--no-index", "--disable-pip-version-check", "-q"]
        copies = [tmp_path_factory.mktemp("source") / source.name for source in sources]
        for source, copy in zip(sources, copies, strict=True):
            _copy_tree(source, copy)
        _pip("wheel", *offline, "--no-build-isolation", "-w", str(wheels), *map(str, copies))
        _pip("install", *offline, "--target", str(site), *map(str, sorted(wheels.glob("*.whl"))))
        return site

    return build_and_install


def _copy_tree(source: Path, copy: Path) -> None:
    # setuptools leaves a build folder beside the sources, which has no place in the checkout.
    import shutil

    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))


def _pip(*arguments: str) -> None:
    done = run_python(sys.executable, "-m", "pip", *arguments)
    assert done.returncode == 0, f"pip {arguments}\n{done.stdout}\n{done.stderr}"
