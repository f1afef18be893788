"""What commands print on a plain terminal, without colours, into a pipe, and at 80 columns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pty = pytest.importorskip("pty")

SEQUENCE = "ACGTTGCATTACGGCTAAGCTTTAGCGCGTATTAGC"
COMMANDS = [
    ["list"],
    ["info", "genemask"],
    ["mask", "--strategy", "span", "--tokenizer", "kmer", "--sequence", SEQUENCE],
    ["gue", "run", "--help"],
]


def on_terminal(arguments: list[str], **variables: str) -> str:
    """Run a command on a pseudo-terminal; return all that it shows."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "dnamask_plugins", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"COLUMNS": "80"} | variables,
        close_fds=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                block = os.read(ours, 65536)
            except OSError:  # Linux: the other side is closed
                break
            if not block:
                break
            shown += block
        os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()


COLORAMA = """
import sys

__version__ = "0.4.6"
Fore = Style = type("Codes", (), {"__getattr__": lambda self, name: "\\x1b[0m"})()
init = reinit = deinit = lambda: sys.stdout.write("\\x1b[0m")
"""


def test_no_colour_comes_from_numba_where_colorama_is_installed(tmp_path: Path) -> None:
    (tmp_path / "colorama.py").write_text(COLORAMA)
    mask = next(command for command in COMMANDS if command[0] == "mask")
    assert "\x1b" not in on_terminal(mask, TERM="dumb", PYTHONPATH=str(tmp_path))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_dumb_terminal_gets_no_escape_codes(command: list[str]) -> None:
    shown = on_terminal(command, TERM="dumb")
    assert "\x1b" not in shown
    assert max(map(len, shown.replace("\r", "").splitlines())) <= 80


def test_no_color_means_no_colour() -> None:
    import re

    shown = on_terminal(COMMANDS[2], TERM="xterm-256color", NO_COLOR="1")
    colours = re.findall(r"\x1b\[([\d;]*)m", shown)
    assert not [code for code in colours for part in code.split(";") if part[:1] in "34" and len(part) == 2]


JSON_COMMANDS = [
    ["list", "--json"],
    ["info", "genemask", "--json"],
    ["doctor", "--json"],
    ["check", "span", "--json"],
    ["search", "mask", "--json"],
    ["estimate", "--backbone", "logo", "--json"],
    ["mask", "--strategy", "span", "--tokenizer", "kmer", "--sequence", SEQUENCE, "--json"],
]


@pytest.mark.parametrize("command", JSON_COMMANDS, ids=lambda command: command[0])
def test_tables_come_as_json_too(command: list[str], tmp_path: Path, warm_python: Path) -> None:
    done = subprocess.run(
        [warm_python, "-m", "dnamask_plugins", *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
