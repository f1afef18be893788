"""The corpus store: a genome in half a byte a nucleotide, memory-mapped, with its regions and provenance."""

from __future__ import annotations

import functools
import hashlib
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from typing_extensions import Self

from dnamask_plugins.compiled import njit
from dnamask_plugins.corpus.sources import cannot_read, file_sha256
from dnamask_plugins.corpus.split import SPLITS, Regions
from dnamask_plugins.errors import ConfigError, InputError, suggest
from dnamask_plugins.files import parse_json

FORMAT: Final = "dnamask-corpus-1"
INDEX_FILE: Final = "index.json"
NUCLEOTIDES_FILE: Final = "nucleotides.bin"
REGIONS_FILE: Final = "regions.safetensors"

LETTER_BITS: Final = 3
SOFT_NIBBLE: Final = 4
"""A nibble is a code 0..3 plus this bit for lower case; even positions are in the low half of a byte."""


@njit(cache=True, nogil=True)
def nibble(store, position):  # type: ignore[no-untyped-def]
    """Return the nibble at a position; for kernels."""
    return (store[position >> 1] >> ((position & 1) << 2)) & 15


@njit(cache=True, nogil=True)
def _read(store, start, codes, soft):  # type: ignore[no-untyped-def]
    for index in range(codes.shape[0]):
        value = nibble(store, start + index)
        codes[index] = value & 3
        soft[index] = value > 3


@dataclass(frozen=True, eq=False)
class CorpusStore:
    """A corpus on disk, opened read only.

    Attributes
    ----------
    folder : Path
    index : dict
        Plain JSON: format, sources with sha256, options, split figures, fingerprint, package.
    nibbles : uint8 array on the memory map, shape ((nucleotides + 1) // 2,)
        Two nucleotides a byte; read through `read`, or `nibble` in kernels.
    mapped : mmap.mmap
        The file itself, which stays readable when its name is deleted.
    regions : Regions
        Stretches of A, C, G, T that windows may be cut from.
    """

    folder: Path
    index: dict[str, Any]
    nibbles: NDArray[np.uint8]
    regions: Regions
    mapped: mmap.mmap

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a corpus that ``dnamask corpus build`` made.

        Raises
        ------
        InputError
            The folder is missing, no corpus, incomplete, or of an unknown format.
        """
        folder = Path(folder)
        index = read_index(folder)
        try:
            with (folder / NUCLEOTIDES_FILE).open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            nibbles = np.frombuffer(mapped, dtype=np.uint8)
            arrays = load_file(folder / REGIONS_FILE)
            regions = Regions(**arrays)
        except OSError as error:
            raise InputError(cannot_read(folder, error)) from None
        except (SafetensorError, TypeError, ValueError) as error:
            raise InputError(f"{folder}: is a damaged corpus ({error}); build it again") from None
        size = index["nucleotides"]
        if nibbles.size != (size + 1) // 2 or not _fit(regions, size) or len(regions) != index["regions"]:
            raise InputError(f"{folder}: is a damaged corpus (sizes differ from its index); build it again")
        return cls(folder, index, nibbles, regions, mapped)

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers map the file themselves; pickled as it is, the map would be sent as a copy of the genome.
        return type(self).open, (self.folder,)

    def __len__(self) -> int:
        """Return the number of nucleotides stored."""
        return int(self.index["nucleotides"])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the content: nucleotides, soft mask, regions and split; not of file names or dates."""
        return str(self.index["fingerprint"])

    def read(self, start: int, stop: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return codes and soft mask of a stretch of the store, uint8 and bool, shape (stop - start,)."""
        if not 0 <= start <= stop <= len(self):
            raise ConfigError(f"stretch {start}..{stop} is outside the corpus of {len(self)} nucleotides")
        self.check_size()
        codes = np.empty(stop - start, dtype=np.uint8)
        soft = np.empty(stop - start, dtype=np.bool_)
        _read(self.nibbles, start, codes, soft)
        return codes, soft

    def check_size(self) -> None:
        """See that the file is as long as when it was opened: reading beyond its end would end the process.

        Raises
        ------
        InputError
            It was cut short since.
        """
        if (size := self.mapped.size()) < self.nibbles.size:
            raise InputError(
                f"{self.folder / NUCLEOTIDES_FILE}: was cut short since it was opened, to {size} of "
                f"{self.nibbles.size} bytes; put the corpus back, or build it again"
            )

    @functools.lru_cache(maxsize=4)  # noqa: B019 (a store lives as long as the run)
    def split(self, name: str) -> Regions:
        """Return the regions of ``"train"`` or ``"validation"``.

        Raises
        ------
        ConfigError
            The split is unknown.
        """
        if name not in SPLITS:
            raise ConfigError(f"unknown split '{name}'; {suggest(name, SPLITS)}")
        chosen = self.regions.validation == (name == "validation")
        fields = ("start", "length", "record", "origin", "validation")
        return Regions(**{field: getattr(self.regions, field)[chosen] for field in fields})

    def verify(self) -> None:
        """Read everything and compare it with the fingerprint.

        Raises
        ------
        InputError
            The corpus is damaged.
        """
        found = content_fingerprint(file_sha256(self.folder / NUCLEOTIDES_FILE), self.regions)
        if found != self.fingerprint:
            raise InputError(f"{self.folder}: is damaged (its fingerprint is another); build it again")

    def to_config(self) -> dict[str, Any]:
        """Return ``{"path", "fingerprint"}``: enough to find the corpus and to know it again."""
        return {"path": str(self.folder), "fingerprint": self.fingerprint}


def _fit(regions: Regions, size: int) -> bool:
    """Say whether regions lie in a store of `size` nucleotides; kernels read there without looking."""
    places = (regions.start, regions.length, regions.record, regions.origin)
    if any(array.dtype != np.int64 or array.ndim != 1 for array in places):
        return False
    shapes = {array.shape for array in (*places, regions.validation)}
    if regions.validation.dtype != np.bool_ or len(shapes) > 1:
        return False
    inside = (regions.start >= 0) & (regions.length >= 1) & (regions.length <= size)
    return bool(np.all(inside & (regions.start <= size - regions.length)))


def content_fingerprint(nucleotides_sha256: str, regions: Regions) -> str:
    """Return the SHA-256 that identifies a corpus."""
    digest = hashlib.sha256(f"{FORMAT} {nucleotides_sha256}".encode())
    for array in (regions.start, regions.length, regions.record, regions.origin):
        digest.update(array.astype("<i8").tobytes())
    digest.update(regions.validation.astype(np.uint8).tobytes())
    return digest.hexdigest()


def read_index(folder: Path) -> dict[str, Any]:
    """Read the index of a corpus.

    Raises
    ------
    InputError
        The folder is missing, no corpus, or of an unknown format.
    """
    path = folder / INDEX_FILE
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; make a corpus with 'dnamask corpus build --fasta FILE -o {folder}'"
        )
    if not path.is_file():
        raise InputError(
            f"{folder}: is no corpus ({INDEX_FILE} is missing); make one with 'dnamask corpus build'"
        )
    try:
        index = parse_json(path.read_bytes())
        kind = index["format"]
        sizes = [index["nucleotides"], index["regions"]] if kind == FORMAT else []
        if not all(type(size) is int and size >= 0 for size in sizes):
            raise ValueError(sizes)
    except OSError as error:
        raise InputError(cannot_read(path, error)) from None
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{path}: is no index of a corpus; build the corpus again") from None
    if kind != FORMAT:
        raise InputError(f"{path}: format {kind!r} is unknown to this version; update dnamask-plugins")
    return dict(index)
