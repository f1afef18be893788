"""The interpreter that has imported everything, one for all workers of a test run."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import warm_python as program
from filelock import FileLock


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the workers of a test run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def warm_hub(shared_folder: Path) -> Path:
    """What lies in the cache of the hub's client for programs that `warm_python` runs."""
    return shared_folder / "hub"


@pytest.fixture(scope="session")
def warm_python(shared_folder: Path, warm_hub: Path) -> Iterator[Path]:
    """Path of an executable that is used like `sys.executable`, and starts in no time."""
    place, executable = shared_folder / "warm", shared_folder / "warm-python"
    with FileLock(shared_folder / "warm.lock"):
        if not executable.exists():
            ask = [sys.executable, "-S", "-E", program.__file__, str(place)]
            executable.write_text(f'#!/bin/sh\nexec {shlex.join(ask)} "$@"\n')
            executable.chmod(0o755)
        try:
            line = _connect(place)
        except OSError:  # nobody has started it, or all that did have ended
            place.unlink(missing_ok=True)
            _serve(place, os.environ | {"HF_HOME": str(warm_hub), "HF_HUB_OFFLINE": "1"})
            line = _connect(place)
        line.sendall(b"keep")
    with line:
        yield executable


def _connect(place: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(str(place))
    return line


def _serve(place: Path, variables: dict[str, str]) -> None:
    log = place.parent / "warm.log"
    with log.open("w") as errors:
        server = subprocess.Popen(
            [sys.executable, program.__file__, "serve", str(place)],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    assert server.stdout is not None
    with server.stdout:
        assert server.stdout.readline() == b"ready\n", log.read_text()
    server.returncode = 0  # it ends by itself, after all that use it
