"""Imports and help where the system lacks what Linux has: tried by taking it away, not on those systems."""

from __future__ import annotations

import subprocess
import sys

import pytest

LACKS = {
    "windows": "for n in ('SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGHUP', 'setitimer', 'getitimer'): "
    "hasattr(signal, n) and delattr(signal, n)\n"
    "for n in ('resource', 'fcntl', 'pwd', 'grp', 'termios'): sys.modules[n] = None\n",
    "macos": "sys.modules['prctl'] = None\n",
}


@pytest.mark.parametrize("system", LACKS)
@pytest.mark.parametrize("command", ["--help", "list", "mask --help", "pretrain --help", "gue run --help"])
def test_help_and_listing_need_nothing_of_linux(system: str, command: str) -> None:
    program = (
        f"import signal, sys\n{LACKS[system]}"
        "from dnamask_plugins.cli import main\n"
        f"main({command.split()!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_module_that_catches_signals_or_measures_memory_imports_on_windows() -> None:
    program = (
        f"import signal, sys\n{LACKS['windows']}"
        "import dnamask_plugins.signals, dnamask_plugins.plugins.time_limit, dnamask_plugins.environment\n"
        "print(dnamask_plugins.signals.EXIT_CODES)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "SIGUSR1" not in done.stdout
