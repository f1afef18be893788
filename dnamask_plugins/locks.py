"""One writer at a time: a lock on an output, which goes when the process that holds it dies."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from dnamask_plugins.errors import ConfigError, NotWritten

LOCK_FILE: Final = ".dnamask.lock"
"""In a locked folder. The file stays, empty, when the lock is gone: what counts is who holds it open."""


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold an output folder, which is made if it is missing.

    Raises
    ------
    ConfigError
        Another process holds it.
    NotWritten
        The folder cannot be written.
    """
    with _writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _held(folder / LOCK_FILE, folder):
        yield


@contextlib.contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Hold the name of a file or folder that is built beside its place and then moved there.

    Raises
    ------
    ConfigError
        Another process builds it.
    NotWritten
        The folder around it cannot be written.
    """
    place = Path(os.path.abspath(path))  # "." has no name
    lock = place.parent / f".{place.name}.lock"
    with _writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _held(lock, path):
        try:
            yield
        finally:
            # Whoever opened it meanwhile was refused already.
            with contextlib.suppress(OSError):
                lock.unlink()


@contextlib.contextmanager
def _held(lock: Path, output: Path) -> Iterator[None]:
    holder = _read(lock)
    guard = FileLock(lock, timeout=0)
    try:
        with _writable(output):
            guard.acquire()
    except Timeout:
        raise ConfigError(
            f"another dnamask process{holder} is writing {output}; wait for it, or choose another output"
        ) from None
    try:
        with contextlib.suppress(OSError):
            lock.write_text(f" ({os.getpid()} on {platform.node()})")
        yield
    finally:
        guard.release()


@contextlib.contextmanager
def _writable(output: Path) -> Iterator[None]:
    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        raise NotWritten(output, error.strerror or error) from None


def _read(lock: Path) -> str:
    try:
        return lock.read_text()[:100]
    except (OSError, ValueError):
        return ""
