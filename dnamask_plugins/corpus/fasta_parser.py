"""Walks over the bytes of a FASTA file; harmless oddities are read and counted, the rest is named."""

from __future__ import annotations

import functools
import itertools
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.compiled import njit
from dnamask_plugins.corpus.compressed import ByteReader
from dnamask_plugins.errors import InputError
from dnamask_plugins.nucleotides import CODE_OF_BYTE, UNKNOWN

SOFT_BIT: Final = 8
"""Set in a packed byte where the letter was lower case; the low three bits are the nucleotide code."""
CODE_BITS: Final = 7

BLOCK: Final = 1 << 20
_LONGEST_HEADER: Final = 1 << 16
_BLANK, _LINE_END, _BAD = 32, 64, 128


class InputWarning(UserWarning):
    """Something in a user's file was not read literally."""


@dataclass(frozen=True)
class Letters:
    """What is done with letters that are no nucleotides: refused, unless a user decides otherwise.

    Attributes
    ----------
    unknown_as_n : bool
        X and ? are read as N.
    drop_gaps : bool
        The gaps of an alignment (``-`` and ``.``) are left out.
    """

    unknown_as_n: bool = False
    drop_gaps: bool = False


STRICT: Final = Letters()


@functools.cache
def _packed_table(letters: Letters) -> NDArray[np.uint8]:
    table = np.where(CODE_OF_BYTE <= UNKNOWN, CODE_OF_BYTE, _BAD).astype(np.uint8)
    lower = np.arange(256) >= ord("a")
    table[(table <= UNKNOWN) & lower] |= SOFT_BIT
    table[[ord(" "), ord("\t")]] = _BLANK
    table[[ord("\n"), ord("\r")]] = _LINE_END
    if letters.unknown_as_n:
        table[[ord("X"), ord("?"), ord("x")]] = [UNKNOWN, UNKNOWN, UNKNOWN | SOFT_BIT]
    if letters.drop_gaps:
        table[[ord("-"), ord(".")]] = _BLANK
    return table


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


class Parser:
    """Walks over the blocks of one file."""

    def __init__(self, path: str, handle: ByteReader, block: int, letters: Letters = STRICT) -> None:
        self.path, self.handle, self.block = path, handle, block
        self.table = _packed_table(letters)
        self.names: set[str] = set()
        self.oddities: Counter[str] = Counter()
        self.record, self.name, self.position = -1, "", 0
        self.headers = 0
        self.header: bytearray | None = None
        self.in_comment, self.at_line_start = False, True
        self.star: int | None = None
        self.scratch = np.empty(block, dtype=np.uint8)

    def __iter__(self) -> Iterator[Chunk]:
        for data in self._blocks():
            yield from self._chunks(data)
        if self.header is not None:
            self._begin_record(bytes(self.header))
        self._end_record()
        if self.record < 0:
            raise InputError(f"{self.path}: holds no sequence; give a FASTA file with at least one record")
        if self.oddities:
            said = ", ".join(f"{what}: {count:,}" for what, count in self.oddities.items())
            warnings.warn(f"{self.path}: {said}", InputWarning, stacklevel=2)

    def _blocks(self) -> Iterator[bytes]:
        """Read the file without the mark of UTF-8 that some editors put in front."""
        data = self.handle.read(self.block)
        if data:
            yield data.removeprefix(b"\xef\xbb\xbf")
        while data := self.handle.read(self.block):
            yield data

    def _chunks(self, data: bytes) -> Iterator[Chunk]:
        """Walk over a block, which may begin and end within a line, a header or a comment."""
        raw = np.frombuffer(data, dtype=np.uint8)
        position = 0
        while position < raw.size:
            if self.header is not None:
                position = self._extend_header(data, position)
                continue
            if self.in_comment:
                position, complete = _after_line(data, position)
                self.in_comment, self.at_line_start = not complete, complete
                continue
            position, written, self.at_line_start = _pack(
                raw, position, self.at_line_start, self.table, self.scratch
            )
            if written:
                self._refuse_star()
                if self.record < 0:
                    raise self._no_fasta(data)
                yield Chunk(self.record, self.name, self.position, self.scratch[:written].copy())
                self.position += written
            if position < raw.size:
                position = self._stopped(data, position)

    def _stopped(self, data: bytes, position: int) -> int:
        """Deal with what is no letter of a sequence; return where to go on."""
        if self.at_line_start and data[position] == ord(";"):
            self.in_comment = True
            self.oddities["comment lines skipped"] += 1
            return position
        if data[position] == ord("*") and self.position and self.star is None:
            self.star, self.at_line_start = self.position, False
            return position + 1
        if not (self.at_line_start and data[position] == ord(">")):
            self._refuse_star()
            raise self._bad_letter(data, position)
        self._end_record()
        self.header = bytearray()
        return position + 1

    def _extend_header(self, data: bytes, position: int) -> int:
        """Add what a block has of a header; at the end of its line a record begins."""
        assert self.header is not None
        stop, complete = _after_line(data, position)
        self.header += data[position : stop - complete]
        if len(self.header) > _LONGEST_HEADER:
            raise InputError(
                f"{self.path}: header {self.headers + 1} is longer than {_LONGEST_HEADER} bytes; "
                "this is no FASTA file"
            )
        if complete:
            self._begin_record(bytes(self.header))
            self.header, self.at_line_start = None, True
        return stop

    def _begin_record(self, header: bytes) -> None:
        self.record += 1
        self.headers += 1
        try:
            text = header.decode()
        except UnicodeDecodeError:
            text = header.decode("latin-1")
            self.oddities["headers in Latin-1"] += 1
        if "\0" in text:
            raise InputError(f"{self.path}: header {self.headers} holds a NUL byte; repair the file")
        words = text.split(maxsplit=1)
        self.name = words[0] if words else f"record_{self.headers}"
        self.position = 0
        if self.name in self.names:
            numbers = itertools.count(2)
            plain = self.name
            self.name = next(name for n in numbers if (name := f"{plain}_{n}") not in self.names)
            self.oddities["records of a name that was there before, numbered (_2, ...)"] += 1
        self.names.add(self.name)

    def _end_record(self) -> None:
        if self.star is not None:
            self.oddities["final stars left out"] += 1
            self.star = None
        if self.record >= 0 and self.position == 0:
            self.oddities["records without sequence left out"] += 1
            self.names.discard(self.name)
            self.record -= 1

    def _refuse_star(self) -> None:
        """Complain of a star that was not the end of its record."""
        if self.star is not None:
            raise self._no_nucleotide(ord("*"), self.star)

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
        return self._no_nucleotide(data[position], self.position)

    def _no_nucleotide(self, byte: int, place: int) -> InputError:
        shown = repr(chr(byte)) if 32 < byte < 127 else f"byte 0x{byte:02x}"
        return InputError(
            f"{self.path}: record '{self.name}', position {place}: {shown} is no nucleotide letter; "
            f"{_advice(byte)}"
        )


def _after_line(data: bytes, position: int) -> tuple[int, bool]:
    """Return the place after the line that holds a place, and whether its end was there."""
    ends = [end for end in (data.find(b"\n", position), data.find(b"\r", position)) if end >= 0]
    return (min(ends) + 1, True) if ends else (len(data), False)


def _advice(byte: int) -> str:
    if chr(byte) in "Xx?":
        return "'dnamask corpus build --unknown-as-n' reads it as N"
    if chr(byte) in "-.":
        return "'dnamask corpus build --drop-gaps' leaves the gaps of an alignment out"
    return "use A, C, G, T, U or an IUPAC letter"
