"""Two at once: the second is told, and a lock goes with the process that held it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.locks import locked_file, locked_folder

HOLD = """
import sys, pathlib
from dnamask_plugins.locks import locked_folder
with locked_folder(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_and_a_killed_one_frees_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        told = rf"another dnamask process \({holder.pid} on .*\) is writing"
        with pytest.raises(ConfigError, match=told), locked_folder(folder):
            raise AssertionError
        holder.kill()
        holder.wait()
    with locked_folder(folder), pytest.raises(ConfigError), locked_folder(folder):
        raise AssertionError
    with locked_folder(folder):
        pass


def test_a_built_file_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.bin"
    with locked_file(path), pytest.raises(ConfigError, match=r"table\.bin"), locked_file(path):
        raise AssertionError
    assert list((tmp_path / "new").iterdir()) == []


def test_a_place_has_one_lock_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of ``.`` is empty."""
    monkeypatch.chdir(tmp_path)
    with locked_file(Path()), pytest.raises(ConfigError, match="is writing"), locked_file(tmp_path):
        raise AssertionError


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"), locked_folder(tmp_path / "file" / "below"):
        raise AssertionError


def test_errors_of_the_work_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked_folder(tmp_path / "out"):
        raise FileNotFoundError("of the work")
