"""Input files as provenance: what they are called and what they hold."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dnamask_plugins.errors import InputError

_BLOCK = 1 << 20


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hex digits.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as handle:
            while block := handle.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise InputError(cannot_read(path, error)) from None
    return digest.hexdigest()


def cannot_read(path: str | Path, error: OSError) -> str:
    """Word the failure to open or read a file."""
    return f"{path}: cannot be read ({error.strerror or error}); check the path and its permissions"
