"""Reads FASTA in pieces of bounded size: plain, gzip or bgzip, any line ends, lower case kept as a soft mask.

A record is never held whole, so a chromosome takes no more memory than a plasmid. (The readers of the
field hand over whole records; `benchmarks/counting` has their figures beside this one's.)
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.compiled import njit
from dnamask_plugins.corpus.sources import Progress, Tap, cannot_read
from dnamask_plugins.errors import InputError
from dnamask_plugins.nucleotides import CODE_OF_BYTE, UNKNOWN

SOFT_BIT: Final = 8
"""Set in a packed byte where the letter was lower case; the low three bits are the nucleotide code."""
CODE_BITS: Final = 7

BLOCK: Final = 1 << 20
_LONGEST_HEADER: Final = 1 << 16
_BLANK, _LINE_END, _BAD = 32, 64, 128
_FOREIGN: Final = {
    b"BZh": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
    b"\x28\xb5\x2f\xfd": "zstd-compressed",
    b"PK\x03\x04": "a zip archive",
}


def _packed_table() -> NDArray[np.uint8]:
    table = np.where(CODE_OF_BYTE <= UNKNOWN, CODE_OF_BYTE, _BAD).astype(np.uint8)
    lower = np.arange(256) >= ord("a")
    table[(table <= UNKNOWN) & lower] |= SOFT_BIT
    table[[ord(" "), ord("\t")]] = _BLANK
    table[[ord("\n"), ord("\r")]] = _LINE_END
    return table


_PACKED: Final = _packed_table()


@njit(cache=True, nogil=True)
def _pack(raw, start, at_line_start, table, out):  # type: ignore[no-untyped-def]
    """Pack letters until a header, a bad byte or the end; returns (position, letters, at_line_start)."""
    written = 0
    for position in range(start, raw.shape[0]):
        value = table[raw[position]]
        if value < _BLANK:
            out[written] = value
            written += 1
            at_line_start = False
        elif value == _LINE_END:
            at_line_start = True
        elif value == _BAD:
            return position, written, at_line_start
    return raw.shape[0], written, at_line_start


@dataclass(frozen=True, eq=False)
class Chunk:
    """A piece of a record.

    Attributes
    ----------
    record : int
        Number of the record in its file, from 0.
    name : str
        First word of the header.
    start : int
        Position of the piece in the record, in nucleotides; 0 in the first piece of every record.
    packed : uint8 array
        Nucleotide code in the low three bits (0..3, or 4 for other IUPAC letters), `SOFT_BIT` for lower case.
    """

    record: int
    name: str
    start: int
    packed: NDArray[np.uint8]


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
        Plain, gzip or bgzip; told apart by content, not by suffix.

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
        Plain, gzip or bgzip; told apart by content, not by suffix. May be a pipe.
    progress : callable, optional
        Called with the number of bytes read since the last call.

    Attributes
    ----------
    records, nucleotides : int
        Seen so far.
    sha256 : str
        Of the file as it lies on disk; known when `chunks` is exhausted.
    """

    def __init__(self, path: str | Path, progress: Progress | None = None) -> None:
        self.path = Path(path)
        self.records = self.nucleotides = 0
        self.sha256 = ""
        self._progress = progress

    def chunks(self, block: int = BLOCK) -> Iterator[Chunk]:
        """Yield the records in pieces of at most `block` nucleotides.

        Blanks inside a sequence line are layout and skipped, as are empty lines.

        Parameters
        ----------
        block : int
            Bytes read at a time.

        Raises
        ------
        InputError
            The file is missing, empty, truncated, no FASTA, or a record is empty, named twice, or holds
            a character that is no nucleotide letter; the message names file, record and position.
        """
        try:
            with open(self.path, "rb", buffering=0) as raw:
                tap = Tap(raw, self._progress)
                plain = decompressed(io.BufferedReader(tap, block), self.path)
                for chunk in parse_fasta(plain, self.path, block):
                    self.records = chunk.record + 1
                    self.nucleotides += chunk.packed.size
                    yield chunk
                self.sha256 = tap.sha256()
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(
                f"{self.path}: the gzip data is truncated or corrupt ({error}); fetch the file again"
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


def decompressed(handle: io.BufferedReader, path: str | Path) -> io.BufferedReader | gzip.GzipFile:
    """Return a handle on the plain bytes of a file, told apart by content; it may be a pipe.

    Raises
    ------
    InputError
        The file is compressed in a way that is not read here.
    """
    magic = handle.peek(6)  # leaves pipes readable, where a seek would fail
    for prefix, what in _FOREIGN.items():
        if magic.startswith(prefix):
            raise InputError(f"{path}: is {what}; decompress it, or compress it with gzip or bgzip")
    return gzip.GzipFile(fileobj=handle, mode="rb") if magic.startswith(b"\x1f\x8b") else handle


def parse_fasta(
    plain: io.BufferedReader | gzip.GzipFile, path: str | Path, block: int = BLOCK
) -> Iterator[Chunk]:
    """Yield the records of an open, decompressed FASTA in pieces; see `FastaSource.chunks`."""
    return iter(_Parser(str(path), plain, block))


class _Parser:
    """Walks over the blocks of one file."""

    def __init__(self, path: str, handle: io.BufferedReader | gzip.GzipFile, block: int) -> None:
        self.path, self.handle, self.block = path, handle, block
        self.names: set[str] = set()
        self.record, self.name, self.position = -1, "", 0

    def __iter__(self) -> Iterator[Chunk]:
        header: bytearray | None = None
        at_line_start = True
        first = True
        scratch = np.empty(self.block, dtype=np.uint8)
        while data := self.handle.read(self.block):
            if first and data.startswith(b"\xef\xbb\xbf"):
                data = data[3:]
            first = False
            raw = np.frombuffer(data, dtype=np.uint8)
            position = 0
            while position < raw.size:
                if header is not None:
                    position, complete = self._extend_header(header, data, position)
                    if complete:
                        self._begin_record(bytes(header))
                        header, at_line_start = None, True
                    continue
                position, written, at_line_start = _pack(raw, position, at_line_start, _PACKED, scratch)
                if written:
                    if self.record < 0:
                        raise self._no_fasta(data)
                    yield Chunk(self.record, self.name, self.position, scratch[:written].copy())
                    self.position += written
                if position == raw.size:
                    break
                if not (at_line_start and data[position] == ord(">")):
                    raise self._bad_letter(data, position)
                self._end_record()
                header = bytearray()
                position += 1
        if header is not None:
            self._begin_record(bytes(header))
        if self.record < 0:
            raise InputError(f"{self.path}: holds no sequence; give a FASTA file with at least one record")
        self._end_record()

    def _extend_header(self, header: bytearray, data: bytes, position: int) -> tuple[int, bool]:
        ends = [end for end in (data.find(b"\n", position), data.find(b"\r", position)) if end >= 0]
        stop = min(ends, default=len(data))
        header += data[position:stop]
        if len(header) > _LONGEST_HEADER:
            raise InputError(
                f"{self.path}: header {self.record + 2} is longer than {_LONGEST_HEADER} bytes; "
                "this is no FASTA file"
            )
        return (stop + 1, True) if ends else (stop, False)

    def _begin_record(self, header: bytes) -> None:
        self.record += 1
        try:
            text = header.decode()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self.path}: header {self.record + 1} is not UTF-8 text "
                f"(byte 0x{header[error.start]:02x}); convert the file or correct the header"
            ) from None
        if "\0" in text:
            raise InputError(f"{self.path}: header {self.record + 1} holds a NUL byte; repair the file")
        words = text.split(maxsplit=1)
        self.name = words[0] if words else f"record_{self.record + 1}"
        self.position = 0
        if self.name in self.names:
            raise InputError(
                f"{self.path}: two records are called '{self.name}'; rename or remove one of them"
            )
        self.names.add(self.name)

    def _end_record(self) -> None:
        if self.record >= 0 and self.position == 0:
            raise InputError(f"{self.path}: record '{self.name}' holds no sequence; remove or complete it")

    def _no_fasta(self, data: bytes) -> InputError:
        if data.lstrip().startswith(b"@"):
            return InputError(f"{self.path}: looks like FASTQ; convert it to FASTA")
        return InputError(
            f"{self.path}: is no FASTA file (it does not begin with '>'); "
            "give '>name' lines followed by sequence"
        )

    def _bad_letter(self, data: bytes, position: int) -> InputError:
        if self.record < 0:
            return self._no_fasta(data)
        byte = data[position]
        shown = repr(chr(byte)) if 32 < byte < 127 else f"byte 0x{byte:02x}"
        return InputError(
            f"{self.path}: record '{self.name}', position {self.position}: {shown} is no nucleotide letter; "
            "use A, C, G, T, U or an IUPAC letter"
        )


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
