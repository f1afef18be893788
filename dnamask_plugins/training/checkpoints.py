"""Checkpoints that are either whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from dnamask_plugins.files import parse_json

MARKER: Final = "complete.json"
"""Written last: the size of every file. A folder without it, or that differs from it, is not used."""


def seal(folder: Path) -> None:
    """Flush a checkpoint's files to disk and write the marker."""
    sizes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MARKER:
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
            sizes[str(path.relative_to(folder))] = path.stat().st_size
    partial = folder / f"{MARKER}.partial"
    partial.write_text(json.dumps(sizes))
    partial.rename(folder / MARKER)


def is_whole(folder: Path) -> bool:
    """Say whether a checkpoint was finished and still has all its files."""
    try:
        sizes = parse_json((folder / MARKER).read_bytes())
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def checkpoint_step(folder: Path) -> int:
    """Return the optimizer step in a checkpoint folder's name."""
    return int(folder.name.rsplit("-", 1)[1])


def find_checkpoints(run: Path) -> tuple[list[Path], list[Path]]:
    """List the whole and the broken checkpoints of a run, newest first."""
    folders = [f for f in run.glob("checkpoint-*") if f.is_dir() and f.name.rsplit("-", 1)[1].isdigit()]
    folders.sort(key=checkpoint_step, reverse=True)
    whole = [folder for folder in folders if is_whole(folder)]
    return whole, [folder for folder in folders if folder not in whole]
