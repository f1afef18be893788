"""Files that are either written whole or not there."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from dnamask_plugins.errors import InputError


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write under a temporary name, flush to disk, then rename.

    Raises
    ------
    InputError
        The folder is read-only or the disk is full; nothing half-written is left behind.
    """
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise InputError(
            f"cannot write {path}: {error.strerror}; free space or choose another folder"
        ) from None


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically."""
    write_atomically(path, json.dumps(value, indent=2, sort_keys=False) + "\n")
