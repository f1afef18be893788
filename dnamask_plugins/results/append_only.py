"""Records are added and never changed: what git says of that, since a branch left another."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dnamask_plugins.errors import InputError

_USUAL: Final = ("origin/main", "main", "origin/master", "master")
_MAY_CHANGE: Final = ("README.md", "relations.toml")
_WORDS: Final = {"M": "changed", "D": "removed", "T": "changed"}


def changed_records(folder: Path, against: str | None = None) -> list[str]:
    """Find records that were changed or removed since the branch left another, committed or not.

    Parameters
    ----------
    folder : Path
        Of records, in a git repository.
    against : str, optional
        Branch or commit; the main branch by default. What counts is where this branch left it, so that a
        change is seen however many commits ago it was made.

    Returns
    -------
    list of str
        ``"removed: registry/results/m/emp.h3.0123456789abcdef.json"``

    Raises
    ------
    InputError
        No repository, or nothing to compare with.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the folder of records")
    base = _git(folder, "merge-base", "HEAD", against or _usual(folder))
    # From the files as they lie there: what is not committed yet counts too. Names are relative to the top.
    command = ("diff", "--name-status", "--no-renames", "--no-ext-diff", "-z", base, "--", ".")
    fields = _git(folder, *command).split("\0")
    found = zip(fields[::2], fields[1::2], strict=False)
    return [
        f"{_WORDS.get(status, status)}: {path}"
        for status, path in found
        if status != "A" and Path(path).name not in _MAY_CHANGE
    ]


def _usual(folder: Path) -> str:
    for name in _USUAL:
        try:
            return _git(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        except InputError:
            continue
    raise InputError(f"{folder}: no branch {', '.join(_USUAL[:2])} to compare with; give one with --against")


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        raise InputError("git is not installed; install it, or compare the records by hand") from None
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split())[:160] or f"git {arguments[0]} found nothing"
        raise InputError(f"{folder}: {reason}; give a branch or commit with --against") from None
    return done.stdout.strip("\n")


__all__: Sequence[str] = ["changed_records"]
