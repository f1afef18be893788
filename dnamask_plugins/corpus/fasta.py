"""Reads FASTA in pieces of bounded size: plain or compressed, any line ends, lower case kept as a soft mask.

A record is never held whole, so a chromosome takes no more memory than a plasmid. (The readers of the
field hand over whole records; `benchmarks/counting` has their figures beside this one's.)
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.corpus.compressed import DAMAGED, ByteReader, decompressed
from dnamask_plugins.corpus.fasta_parser import (
    BLOCK,
    CODE_BITS,
    SOFT_BIT,
    STRICT,
    Chunk,
    Letters,
    Parser,
)
from dnamask_plugins.corpus.sources import Progress, Tap, cannot_read
from dnamask_plugins.errors import InputError

__all__ = [
    "BLOCK",
    "CODE_BITS",
    "SOFT_BIT",
    "STRICT",
    "Chunk",
    "FastaSource",
    "Letters",
    "Record",
    "decompressed",
    "pack",
    "parse_fasta",
    "read_fasta",
    "unpack",
]


@dataclass(frozen=True)
class Record:
    """A whole record.

    Attributes
    ----------
    name : str
        First word of the header.
    sequence : bytes
        Letters ``ACGTN``, lower case where the file has it; U reads as T, other IUPAC letters as N.
    """

    name: str
    sequence: bytes


_LETTERS: Final = np.frombuffer(b"ACGTN???acgtn???", dtype=np.uint8)


def read_fasta(path: str | Path) -> Iterator[Record]:
    """Yield the records of a FASTA file, each in one piece.

    Parameters
    ----------
    path : str or Path
        Plain or compressed (gzip, bgzip, bzip2, xz); told apart by content, not by suffix.

    Raises
    ------
    InputError
        As `FastaSource.chunks`.
    """
    name = ""
    pieces: list[bytes] = []
    for chunk in FastaSource(path).chunks():
        if chunk.start == 0 and pieces:
            yield Record(name, b"".join(pieces))
            pieces = []
        name = chunk.name
        pieces.append(_LETTERS[chunk.packed].tobytes())
    yield Record(name, b"".join(pieces))


class FastaSource:
    """A FASTA file that is read once, with its provenance.

    Parameters
    ----------
    path : str or Path
        Plain or compressed (gzip, bgzip, bzip2, xz); told apart by content, not by suffix. May be a pipe.
    progress : callable, optional
        Called with the number of bytes read since the last call.
    letters : Letters, optional
        What is done with X and with gaps; both are refused by default.

    Attributes
    ----------
    records, nucleotides : int
        Seen so far.
    sha256 : str
        Of the file as it lies on disk; known when `chunks` is exhausted.
    """

    def __init__(self, path: str | Path, progress: Progress | None = None, letters: Letters = STRICT) -> None:
        self.path, self.letters = Path(path), letters
        self.records = self.nucleotides = 0
        self.sha256 = ""
        self._progress = progress

    def chunks(self, block: int = BLOCK) -> Iterator[Chunk]:
        """Yield the records in pieces of at most `block` nucleotides.

        Blanks inside a sequence line are layout and skipped, as are empty lines. Comment lines (``;``),
        records without sequence, repeated names, Latin-1 headers and a final star are read with one warning.

        Parameters
        ----------
        block : int
            Bytes read at a time.

        Raises
        ------
        InputError
            The file is missing, empty, truncated, no FASTA, or a record holds a character that is no
            nucleotide letter; the message names file, record and position.
        """
        try:
            with open(self.path, "rb", buffering=0) as raw:
                tap = Tap(raw, self._progress)
                plain = decompressed(io.BufferedReader(tap, block), self.path)
                for chunk in parse_fasta(plain, self.path, block, self.letters):
                    self.records = chunk.record + 1
                    self.nucleotides += chunk.packed.size
                    yield chunk
                self.sha256 = tap.sha256()
        except DAMAGED as error:
            raise InputError(
                f"{self.path}: the compressed data is truncated or corrupt ({error}); fetch the file again"
            ) from None
        except OSError as error:
            raise InputError(cannot_read(self.path, error)) from None

    def provenance(self) -> dict[str, Any]:
        """Return what identifies the file: name, sha256, records, nucleotides; plain JSON."""
        return {
            "file": self.path.name,
            "sha256": self.sha256,
            "records": self.records,
            "nucleotides": self.nucleotides,
        }


def parse_fasta(
    plain: ByteReader, path: str | Path, block: int = BLOCK, letters: Letters = STRICT
) -> Iterator[Chunk]:
    """Yield the records of an open, decompressed FASTA in pieces; see `FastaSource.chunks`."""
    return iter(Parser(str(path), plain, block, letters))


def unpack(packed: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Split packed bytes into nucleotide codes and the soft mask.

    Examples
    --------
    >>> codes, soft = unpack(np.array([0, 9, 4], dtype=np.uint8))
    >>> codes.tolist(), soft.tolist()
    ([0, 1, 4], [False, True, False])
    """
    return packed & np.uint8(CODE_BITS), (packed & np.uint8(SOFT_BIT)) != 0


def pack(codes: NDArray[np.uint8], soft_mask: Any) -> NDArray[np.uint8]:
    """Join nucleotide codes and a soft mask into packed bytes; undoes `unpack`."""
    return np.asarray(codes | (np.asarray(soft_mask, dtype=np.uint8) << 3), dtype=np.uint8)
