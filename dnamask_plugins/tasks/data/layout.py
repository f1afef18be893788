"""Where the files of a task lie below a suite's folder, and what they hold."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dnamask_plugins.corpus.compressed import most_unpacked, too_much_unpacked
from dnamask_plugins.errors import InputError
from dnamask_plugins.tasks.task import SPLITS, Split, Task

_CANDIDATES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "gue": {split: (f"{split}.csv", f"{split}.csv.gz") for split in ("train", "dev", "test")},
    # CM-GEMS calls its test file dev.tsv; GeneMask keeps one test.tsv for all sizes.
    "fewshot": {
        "train": ("train.tsv", "train.tsv.gz"),
        "dev": (),
        "test": ("test.tsv", "../test.tsv", "dev.tsv", "../dev.tsv"),
    },
}


def find_file(folder: Path, task: Task, split: Split) -> Path | None:
    """Return the file of a split below the suite's folder, or None where it is not there."""
    own = folder / task.name
    for name in _CANDIDATES[task.layout][split]:
        path = own.parent / name[3:] if name.startswith("../") else own / name
        if path.is_file():
            return path
    return None


def suite_root(folder: Path) -> Path:
    """Return the folder that holds the tasks: the one given, or ``GUE`` in it."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that holds EMP, mouse, prom ...")
    inner = folder / "GUE"
    return inner if inner.is_dir() else folder


def hash_splits(folder: Path, task: Task) -> dict[str, str]:
    """Return the SHA-256 of the (uncompressed) files of a task that are there, by split."""
    paths = {split: find_file(folder, task, split) for split in SPLITS}
    return {
        split: hashlib.sha256(content_of(path)).hexdigest()
        for split, path in paths.items()
        if path is not None
    }


def content_of(path: Path) -> bytes:
    """Return what a file holds, unpacked where it is gzipped.

    Raises
    ------
    InputError
        It cannot be read, or unpacks to far more than sequences do.
    """
    try:
        raw = path.read_bytes()
        return unpacked(raw, path) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: cannot be read ({reason}); get the file again") from None


def unpacked(raw: bytes, path: Path) -> bytes:
    """Return what gzipped bytes hold.

    Raises
    ------
    InputError
        That is over 64 MiB and over a hundred times as much: DNA in text packs to a third or a tenth, so that
        this is a bomb or damaged.
    """
    most = most_unpacked(len(raw))
    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise too_much_unpacked(path, len(raw))
    return content
