"""Compiled functions, and where their machine code is kept between processes.

numba would keep it beside the source, inside the installed package: there it survives an uninstall, shadows a
later editable install as a namespace package, and cannot be written at all in a read-only installation. So
it goes to a folder of the user, one for each version of this package.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import platformdirs

from dnamask_plugins import __version__


class CacheWarning(UserWarning):
    """Compiled code cannot be kept, so that every process compiles it anew."""


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorate a function as `numba.njit` does; with ``cache=True`` its code is kept in `cache_folder`.

    Examples
    --------
    >>> @njit(nogil=True)
    ... def complement(code):
    ...     return 3 - code
    >>> complement(0)  # A is 0, T is 3
    3
    """

    def decorate(function: Callable[..., Any]) -> Any:
        folder = cache_folder() if options.get("cache") else None
        source = Path(inspect.getfile(function))
        if folder is not None and source.is_file():
            folder /= _digest_of_neighbours(source.parent)
        if folder is None:
            return numba.njit(**options | {"cache": False})(function)
        # numba decides where to keep code when a function is decorated, by a setting of the whole process.
        before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
        try:
            return numba.njit(**options)(function)
        finally:
            numba.config.CACHE_DIR = before

    return decorate


@functools.cache
def _digest_of_neighbours(folder: Path) -> str:
    """Return 16 hex digits of the Python files of a folder.

    numba notices a change in the file of a compiled function, but not in those of the functions it calls.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def cache_folder() -> Path | None:
    """Return the folder for compiled code, made where it was missing; None, and a warning, where that fails.

    ``DNAMASK_CACHE_DIR`` names another folder; numba's own ``NUMBA_CACHE_DIR`` is kept to as well.
    """
    folder = _chosen_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        warnings.warn(
            f"compiled code cannot be kept in {folder} ({error.strerror}), so that every command compiles it "
            "anew; set DNAMASK_CACHE_DIR to a folder that can be written",
            CacheWarning,
            stacklevel=2,
        )
        return None
    return folder


def _chosen_folder() -> Path:
    named = os.environ.get("DNAMASK_CACHE_DIR")
    if named:
        return Path(named).absolute() / __version__
    if numba.config.CACHE_DIR:
        return Path(numba.config.CACHE_DIR).absolute()
    return Path(platformdirs.user_cache_dir("dnamask", appauthor=False)) / "compiled" / __version__
