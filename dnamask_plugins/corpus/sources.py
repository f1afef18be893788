"""Input files: read once, and remembered by their SHA-256."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dnamask_plugins.errors import InputError

Progress = Callable[[int], None]
"""Called with the number of bytes of a file read since the last call."""

_BLOCK = 1 << 20


class Tap(io.RawIOBase):
    """Passes a file on, and hashes and reports what flows by, so that a pipe is read once."""

    def __init__(self, raw: io.RawIOBase, progress: Progress | None = None) -> None:
        self._raw, self._progress = raw, progress
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; see `io.RawIOBase`."""
        count = self._raw.readinto(buffer) or 0
        self._digest.update(memoryview(buffer)[:count])
        if self._progress:
            self._progress(count)
        return count

    def sha256(self) -> str:
        """Read to the end and return the SHA-256 of the whole file, 64 hex digits."""
        buffer = bytearray(_BLOCK)
        while self.readinto(buffer):
            pass
        return self._digest.hexdigest()


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hex digits.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as raw:
            return Tap(raw).sha256()
    except OSError as error:
        raise InputError(cannot_read(path, error)) from None


def cannot_read(path: str | Path, error: OSError) -> str:
    """Word the failure to open or read a file."""
    return f"{path}: cannot be read ({error.strerror or error}); check the path and its permissions"
