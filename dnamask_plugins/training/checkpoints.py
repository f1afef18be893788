"""Checkpoints that are either whole, to the bit, or not used; of others' folders none is touched."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

import xxhash

from dnamask_plugins.files import follow_umask, parse_json

MARKER: Final = "complete.json"
"""Written last: size and checksum of every file. A folder that differs from it is not used."""

BEGUN: Final = "incomplete.json"
"""Written first and removed last: says that a folder without a marker is ours all the same."""

FORMAT: Final = 2
_BLOCK: Final = 1 << 22


def begin(folder: Path) -> None:
    """Mark a folder as a checkpoint of ours before anything is written into it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BEGUN).write_text(json.dumps({"format": FORMAT}))


def seal(folder: Path) -> None:
    """Flush a checkpoint's files to disk and write the marker."""
    follow_umask(folder)
    files: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in (MARKER, BEGUN):
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
            name = str(path.relative_to(folder))
            files[name] = {"size": path.stat().st_size, "xxh3_128": checksum(path)}
    partial = folder / f"{MARKER}.partial"
    with partial.open("w") as out:
        json.dump({"format": FORMAT, "files": files}, out)
        out.flush()
        os.fsync(out.fileno())
    partial.rename(folder / MARKER)
    (folder / BEGUN).unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """Return the XXH3 hash of a file, 32 hex digits; it finds accidents, not forgers."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def is_ours(folder: Path) -> bool:
    """Whether a folder carries our marker, whatever its state."""
    return (folder / MARKER).is_file() or (folder / BEGUN).is_file()


def is_whole(folder: Path) -> bool:
    """Say whether a checkpoint was finished and has all its files at their full size."""
    try:
        return all((folder / name).stat().st_size == size for name, (size, _) in _sealed(folder).items())
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return False


def damaged_file(folder: Path) -> str | None:
    """Return the first file of a checkpoint that is not what was sealed, None where all are.

    Markers of format 1 hold sizes alone; more than these cannot be checked then.
    """
    try:
        sealed = _sealed(folder)
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return MARKER
    for name, (size, expected) in sealed.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            return name
        if expected is not None and checksum(path) != expected:
            return name
    return None


def _sealed(folder: Path) -> dict[str, tuple[int, str | None]]:
    marker = parse_json((folder / MARKER).read_bytes())
    if "format" not in marker:
        return {name: (size, None) for name, size in marker.items()}
    return {name: (each["size"], each["xxh3_128"]) for name, each in marker["files"].items()}


def checkpoint_step(folder: Path) -> int:
    """Return the optimizer step in a checkpoint folder's name."""
    return int(folder.name.rsplit("-", 1)[1])


def checkpoint_folders(run: Path) -> list[Path]:
    """List the folders of a run that are named as checkpoints, newest first, whoever wrote them."""
    folders = [f for f in run.glob("checkpoint-*") if f.is_dir() and f.name.rsplit("-", 1)[1].isdigit()]
    return sorted(folders, key=checkpoint_step, reverse=True)


def find_checkpoints(run: Path) -> tuple[list[Path], list[Path]]:
    """List our whole and our broken checkpoints of a run, newest first; contents are not read."""
    folders = [folder for folder in checkpoint_folders(run) if is_ours(folder)]
    whole = [folder for folder in folders if is_whole(folder)]
    return whole, [folder for folder in folders if folder not in whole]


def remove(folder: Path) -> None:
    """Remove a checkpoint of ours; one that is killed meanwhile leaves no folder that looks finished."""
    marker = folder / MARKER
    if marker.is_file():
        marker.replace(folder / BEGUN)
    for path in folder.iterdir():
        if path.name == BEGUN:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    shutil.rmtree(folder)


def keep_newest(run: Path, limit: int | None) -> None:
    """Remove all but the newest whole checkpoints of ours; None and 0 keep all."""
    if limit:
        for folder in find_checkpoints(run)[0][limit:]:
            remove(folder)
