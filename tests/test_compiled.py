from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import dnamask_plugins
from dnamask_plugins import __version__

SEQUENCE = ["--sequence", "ACGTTGCATTACGGCTAAGCTTTAGCGCGTATTAGC"]
MASK = ["mask", "--strategy", "span", "--tokenizer", "kmer", *SEQUENCE]
ENCODE = ["tokenizer", "encode", "--tokenizer", "kmer", *SEQUENCE]
"""Compiles a fifth of what a mask compiles."""


def run(arguments: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "DNAMASK_CACHE_DIR")
    }
    command = [sys.executable, "-m", "dnamask_plugins", *arguments]
    return subprocess.run(command, env=kept | variables, capture_output=True, text=True, check=False)


def kept_in_the_package() -> dict[Path, int]:
    package = Path(dnamask_plugins.__file__).parent
    return {path: path.stat().st_mtime_ns for path in package.rglob("*.nb[ic]")}


def test_code_is_kept_in_a_folder_of_the_user_and_not_in_the_package(tmp_path: Path) -> None:
    before = kept_in_the_package()
    done = run(ENCODE, XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "dnamask" / "compiled" / __version__).rglob("*.nbi"))
    assert kept_in_the_package() == before


@pytest.mark.parametrize(
    ("variable", "command"), [("DNAMASK_CACHE_DIR", MASK), ("XDG_CACHE_HOME", ENCODE)], ids=["mask", "encode"]
)
def test_where_nothing_can_be_written_commands_do_their_work_all_the_same_with_one_line(
    variable: str, command: list[str], tmp_path: Path
) -> None:
    before = kept_in_the_package()
    file = tmp_path / "file"
    file.write_text("")  # a folder below a file cannot be made, by root either
    done = run(command, NUMBA_OPT="0", **{variable: str(file)})
    assert done.returncode == 0, done.stderr
    assert kept_in_the_package() == before
    assert done.stderr.count("warning: ") == done.stderr.count("\n") == 1
    assert str(file) in done.stderr
    assert "DNAMASK_CACHE_DIR" in done.stderr


def test_other_code_keeps_its_own_cache_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    from dnamask_plugins import compiled

    monkeypatch.setenv("DNAMASK_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "elsewhere")
    compiled.cache_folder.cache_clear()
    try:
        double = compiled.njit(cache=True)(_double)
        assert double(2) == 4
    finally:
        compiled.cache_folder.cache_clear()
    assert numba.config.CACHE_DIR == "elsewhere"
    assert list((tmp_path / __version__).rglob("*.nbi"))


def _double(value: int) -> int:
    return 2 * value
