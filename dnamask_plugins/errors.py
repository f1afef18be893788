"""Errors that a user can act on: one line that says what, where, why and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class DnamaskError(Exception):
    """An error whose message is one line for a user; the command line prints it and exits with code 2."""

    exit_code = 2


class InputError(DnamaskError):
    """A file or a sequence that the user gave cannot be used."""


class NotWritten(InputError):
    """A file or a folder cannot be written: it is read-only, or the disk is full.

    Examples
    --------
    >>> str(NotWritten(Path("table"), "No space left on device"))
    'cannot write table: No space left on device; free space or choose another folder'
    """

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(path, reason)  # what pickle makes it from again, in another process
        self.path, self.reason = path, str(reason)

    def __str__(self) -> str:
        return f"cannot write {self.path}: {self.reason}; free space or choose another folder"


class ConfigError(DnamaskError):
    """A setting is missing, unknown or out of range."""


class PluginError(DnamaskError):
    """A plugin is missing, broken, duplicated or does not keep the contract."""


def suggest(name: str, options: Iterable[str]) -> str:
    """Return a hint that names the option nearest to a mistyped name.

    Parameters
    ----------
    name : str
        What the user typed.
    options : iterable of str
        What exists.

    Returns
    -------
    str
        For example ``"did you mean 'genemask'?"``, else a list of the options.

    Examples
    --------
    >>> suggest("gene_mask", ["span", "genemask"])
    "did you mean 'genemask'?"
    """
    names = sorted(options)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(names)}" if names else "none is installed"
