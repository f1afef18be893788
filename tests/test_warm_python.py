"""The interpreter that tests start programs with is, seen from outside, the one that runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

PROGRAMS = {
    "output": "import sys; print(sys.argv); print('too', file=sys.stderr)",
    "input": "print(input())",
    "exit code": "import sys; sys.exit(75)",
    "exit with a message": "import sys; sys.exit('why')",
    "exception": "raise ValueError",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "folder and variables": "import os; print(os.getcwd(), os.environ['OURS'])",
    "module of PYTHONPATH": "import beside; print(beside.__file__)",
    "at exit": "import atexit; atexit.register(print, 'last')",
    "signals": "import signal; print([signal.getsignal(n) for n in (2, 10, 15, 17)])",
    "thread": "import threading; t = threading.Thread(target=print, args=['there']); t.start(); t.join()",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_sees_and_shows_the_same(program: str, warm_python: Path, tmp_path: Path) -> None:
    (tmp_path / "beside.py").touch()

    def run(python: str | Path) -> tuple[object, ...]:
        done = subprocess.run(
            [python, "-c", PROGRAMS[program], "an argument"],
            env=os.environ | {"OURS": "ours", "PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            input="a line\n",
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr.splitlines()[-1:]

    assert run(warm_python) == run(sys.executable)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL])
def test_a_signal_reaches_the_program(number: int, warm_python: Path) -> None:
    with subprocess.Popen(
        [warm_python, "-c", "import os; print(os.getpid(), flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        program = int(process.stdout.readline())
        process.send_signal(number)
        assert process.stdout.read() == b""
        assert process.wait() == -number
    deadline = time.monotonic() + 10
    while psutil.pid_exists(program):
        assert time.monotonic() < deadline


def test_a_module_runs_as_main(warm_python: Path) -> None:
    shown = [
        subprocess.run([python, "-m", "dnamask_plugins", "--version"], capture_output=True, check=True).stdout
        for python in (warm_python, sys.executable)
    ]
    assert shown[0] == shown[1] != b""


def test_it_has_told_transformers_of_no_model_of_ours(warm_python: Path) -> None:
    """Otherwise a command that forgets to do so would be found to work."""
    program = "from transformers import AutoConfig; AutoConfig.for_model('dnamask_dnabert2')"
    done = subprocess.run([warm_python, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ValueError: Unrecognized model identifier: dnamask_dnabert2" in done.stderr
