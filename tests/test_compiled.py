from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dnamask_plugins import __version__

MASK = [sys.executable, "-m", "dnamask_plugins", "mask", "--strategy", "span", "--tokenizer", "kmer"]
SEQUENCE = ["--sequence", "ACGTTGCATTACGGCTAAGCTTTAGCGCGTATTAGC"]


def run(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "DNAMASK_CACHE_DIR")
    }
    return subprocess.run(command, env=kept | variables, capture_output=True, text=True, check=False)


def test_code_is_kept_in_a_folder_of_the_user_and_not_in_the_package(tmp_path: Path) -> None:
    done = run([*MASK, *SEQUENCE], XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    kept = list((tmp_path / "dnamask" / "compiled" / __version__).rglob("*.nbi"))
    assert kept
    import dnamask_plugins

    package = Path(dnamask_plugins.__file__).parent
    assert not [path for path in package.rglob("*.nbi") if path.stat().st_mtime >= kept[0].stat().st_mtime]


@pytest.mark.parametrize("variable", ["DNAMASK_CACHE_DIR", "XDG_CACHE_HOME"])
def test_where_nothing_can_be_written_masks_are_made_all_the_same_with_one_line(
    variable: str, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")  # a folder below a file cannot be made, by root either
    done = run([*MASK, *SEQUENCE], **{variable: str(file)})
    assert done.returncode == 0, done.stderr
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
