"""Builds a corpus store from FASTA: streaming, in bounded memory, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from dnamask_plugins import __version__
from dnamask_plugins.config import fingerprint
from dnamask_plugins.corpus.fasta import CODE_BITS, SOFT_BIT, STRICT, FastaSource, Letters
from dnamask_plugins.corpus.sources import Progress, file_sha256
from dnamask_plugins.corpus.split import Regions, SplitOptions, cut, validation_blocks
from dnamask_plugins.corpus.store import (
    FORMAT,
    INDEX_FILE,
    NUCLEOTIDES_FILE,
    REGIONS_FILE,
    CorpusStore,
    content_fingerprint,
    read_index,
)
from dnamask_plugins.errors import ConfigError, InputError, NotWritten
from dnamask_plugins.files import partial_of, remove_left_overs, write_atomically, write_json
from dnamask_plugins.locks import locked_file


@dataclass(frozen=True)
class BuildOptions:
    """What goes into a corpus.

    Attributes
    ----------
    exclude_soft_masked : bool
        Leave lower-case stretches (repeats) out, instead of keeping them marked.
    shortest_region : int
        Shorter stretches of A, C, G, T are never sampled. Not below 64: the table of regions would
        outgrow the nucleotides.
    split : SplitOptions
    letters : Letters
        What is done with X and with gaps.
    """

    exclude_soft_masked: bool = False
    shortest_region: int = 64
    split: SplitOptions = field(default_factory=SplitOptions)
    letters: Letters = STRICT

    def __post_init__(self) -> None:
        if self.shortest_region < 64:
            raise ConfigError(f"shortest region {self.shortest_region} is below 64; give 64 or more")


def build_corpus(
    fastas: Sequence[str | Path],
    folder: str | Path,
    options: BuildOptions | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> CorpusStore:
    """Build a corpus, or open it when it is there already, made of the same files with the same options.

    Parameters
    ----------
    fastas : sequence of path
        FASTA, plain or compressed, read once, in this order.
    folder : path
        Appears when the corpus is complete, not before.
    options : BuildOptions, optional
    overwrite : bool
        Replace another corpus in `folder`.
    progress : callable, optional
        Called with the number of bytes read since the last call.

    Raises
    ------
    InputError
        A file cannot be used; `folder` holds something else; the disk is full.
    """
    options = options or BuildOptions()
    folder = Path(folder)
    if not fastas:
        raise InputError("no FASTA file was given; name at least one")
    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        existing = read_index(folder)
        if existing["request"] == _request([file_sha256(path) for path in fastas], options):
            return CorpusStore.open(folder)
        if not overwrite:
            raise InputError(
                f"{folder}: holds a corpus of other files or options; take another folder or --overwrite"
            )
    with locked_file(folder), _whole_folder(folder) as temporary:
        _write(fastas, temporary, options, progress)
    return CorpusStore.open(folder)


def _write(
    fastas: Sequence[str | Path], folder: Path, options: BuildOptions, progress: Progress | None
) -> None:
    names: list[str] = []
    with open(folder / NUCLEOTIDES_FILE, "wb") as handle:
        writer = _Writer(handle, options.exclude_soft_masked)
        sources = [_copy(FastaSource(path, progress, options.letters), writer, names) for path in fastas]
        writer.finish()
    start, length, record, origin = writer.runs()
    blocks = validation_blocks(writer.size, options.split)
    regions = cut(start, length, record, origin, blocks, options.shortest_region)
    if len(regions) == 0:
        files = ", ".join(source["file"] for source in sources)
        raise InputError(
            f"{files}: no stretch of {options.shortest_region} nucleotides A, C, G, T"
            f"{' outside soft-masked repeats' if options.exclude_soft_masked else ''}; give longer sequences"
        )
    arrays = {name: getattr(regions, name) for name in ("start", "length", "record", "origin", "validation")}
    write_atomically(folder / REGIONS_FILE, save(arrays, {"format": FORMAT}))
    index = {
        "format": FORMAT,
        "package": f"dnamask-plugins {__version__}",
        "fingerprint": content_fingerprint(writer.sha256(), regions),
        "request": _request([source["sha256"] for source in sources], options),
        "options": _plain(options),
        "sources": sources,
        "nucleotides": writer.size,
        "soft_masked": writer.soft,
        "regions": len(regions),
        "split": _split_sizes(length, regions, len(blocks), options.split.window),
        "records": names,
    }
    # Last, so that a folder with an index is a complete one.
    write_json(folder / INDEX_FILE, index)


def _copy(source: FastaSource, writer: _Writer, names: list[str]) -> dict[str, Any]:
    """Write a file's nucleotides, add the names of its records, and return where it comes from."""
    for chunk in source.chunks():
        if chunk.start == 0:
            names.append(chunk.name)
        writer.add(chunk.packed, len(names) - 1, chunk.start)
    return source.provenance()


def _plain(options: BuildOptions) -> dict[str, Any]:
    """Return options as JSON; reading letters strictly is what a store without that entry was made with."""
    values = asdict(options)
    if options.letters == STRICT:
        del values["letters"]
    return values


def _request(hashes: list[str], options: BuildOptions) -> str:
    return fingerprint({"format": FORMAT, "sources": hashes, "options": _plain(options)})


def _split_sizes(
    run_lengths: NDArray[np.int64], regions: Regions, blocks: int, window: int
) -> dict[str, Any]:
    def starts(lengths: NDArray[np.int64]) -> int:
        return int(np.maximum(lengths - window + 1, 0).sum())

    uncut, validation = starts(run_lengths), starts(regions.length[regions.validation])
    train = starts(regions.length[~regions.validation])
    return {
        "validation_blocks": blocks,
        "train_nucleotides": int(regions.length[~regions.validation].sum()),
        "validation_nucleotides": int(regions.length[regions.validation].sum()),
        "lost_at_borders": round(1 - (train + validation) / uncut, 6) if uncut else 0.0,
    }


class _Writer:
    """Writes kept nucleotides as nibbles and notes the runs they come in."""

    def __init__(self, handle: IO[bytes], exclude_soft: bool) -> None:
        self._handle, self._exclude_soft = handle, exclude_soft
        self._digest = hashlib.sha256()
        self._odd = np.empty(0, dtype=np.uint8)
        self.size = self.soft = 0
        self._start, self._length, self._record, self._origin = (array("q") for _ in range(4))

    def add(self, packed: NDArray[np.uint8], record: int, position: int) -> None:
        """Store the A, C, G, T of a piece that begins at `position` of a record."""
        keep = (packed & CODE_BITS) < 4
        if self._exclude_soft:
            keep &= packed < SOFT_BIT
        edges = np.flatnonzero(np.diff(keep, prepend=False, append=False)).reshape(-1, 2)
        at = self.size
        for first, last in edges.tolist():
            self._note(at, last - first, record, position + first)
            at += last - first
        self.size = at
        kept = packed[keep]
        letters = np.asarray((kept & 3) | ((kept & SOFT_BIT) >> 1), dtype=np.uint8)
        self.soft += int(np.count_nonzero(kept & SOFT_BIT))
        letters = np.concatenate([self._odd, letters])
        even = letters.size & ~1
        self._put(np.asarray(letters[0:even:2] | (letters[1:even:2] << 4), dtype=np.uint8))
        self._odd = letters[even:]

    def finish(self) -> None:
        """Write what is left."""
        self._put(self._odd)

    def sha256(self) -> str:
        """Return the SHA-256 of what was written."""
        return self._digest.hexdigest()

    def runs(self) -> tuple[NDArray[np.int64], ...]:
        """Return start, length, record and origin of the runs, int64 arrays."""
        return tuple(
            np.array(values, dtype=np.int64)
            for values in (self._start, self._length, self._record, self._origin)
        )

    def _note(self, start: int, length: int, record: int, origin: int) -> None:
        # A run goes on over the border between two pieces of a record.
        if self._record and self._record[-1] == record and self._origin[-1] + self._length[-1] == origin:
            self._length[-1] += length
            return
        self._start.append(start)
        self._length.append(length)
        self._record.append(record)
        self._origin.append(origin)

    def _put(self, values: NDArray[np.uint8]) -> None:
        block = values.tobytes()
        self._digest.update(block)
        self._handle.write(block)


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to fill beside `folder`; it takes its name, and the place of an old one, at the end."""
    parent = folder.absolute().parent
    temporary = partial_of(folder.absolute())
    retired = parent / f".{folder.name}.retired-{os.getpid()}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        remove_left_overs(folder.absolute())
        temporary.mkdir()
        yield temporary
        for part in temporary.iterdir():
            _sync(part)
        if folder.exists():
            folder.rename(retired)
        temporary.rename(folder)
    except OSError as error:
        if retired.exists() and not folder.exists():
            retired.rename(folder)
        raise NotWritten(folder, error.strerror or error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(retired, ignore_errors=True)


def _sync(path: Path) -> None:
    with open(path, "rb") as handle:
        os.fsync(handle.fileno())
