"""Sequences as a stream: FASTA, a table or one sequence a line; plain or gzip; file or pipe."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from dnamask_plugins.corpus.compressed import DAMAGED, decompressed
from dnamask_plugins.corpus.fasta import BLOCK, parse_fasta, unpack
from dnamask_plugins.corpus.sources import Progress, Tap, cannot_read
from dnamask_plugins.errors import InputError, suggest
from dnamask_plugins.nucleotides import decode_codes, encode_letters

SEQUENCE_COLUMNS: Final = ("sequence", "seq", "text", "dna")
LABEL_COLUMNS: Final = ("label", "labels", "target", "class")
NAME_COLUMNS: Final = ("id", "name", "seq_id", "accession")
STANDARD_INPUT: Final = "-"

csv.field_size_limit(1 << 28)


@dataclass(frozen=True)
class Columns:
    """Which columns of a table to read; None means to look for the usual names."""

    sequence: str | None = None
    name: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class Piece:
    """A part of a sequence; the parts of one follow each other.

    Attributes
    ----------
    record : int
        Number of the sequence in its file, from 0.
    name : str
        First word of a FASTA header, a table's name column, else ``sequence_1`` and so on.
    label : str
        From a table's label column, else empty.
    start : int
        Where the part begins, in nucleotides.
    letters : str
        Upper-case ``ACGTN``.
    last : bool
        Whether the sequence ends here.
    """

    record: int
    name: str
    label: str
    start: int
    letters: str
    last: bool


def read_pieces(
    path: str | Path, columns: Columns | None = None, progress: Progress | None = None, block: int = BLOCK
) -> Iterator[Piece]:
    """Read sequences, holding a bounded part of them in memory.

    Parameters
    ----------
    path : str or Path
        FASTA, or a table with a header, or one sequence a line; told apart by what the file begins with.
        ``-`` is standard input.
    columns : Columns, optional
    progress : callable, optional
        Called with the number of bytes read since its last call.
    block : int
        Bytes read at a time.

    Raises
    ------
    InputError
        The file is missing, empty, damaged, or holds something else; names the record or line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as table:
    ...     _ = table.write("id,sequence,label" + chr(10) + "tata,ttTATAAAgg,promoter" + chr(10))
    ...     table.flush()
    ...     [(piece.name, piece.letters, piece.label) for piece in read_pieces(table.name)]
    [('tata', 'TTTATAAAGG', 'promoter')]
    """
    shown = "standard input" if str(path) == STANDARD_INPUT else str(path)
    try:
        with _open(path) as raw:
            tap = Tap(raw, progress)  # type: ignore[arg-type]
            plain = decompressed(io.BufferedReader(tap, block), shown)
            if _is_fasta(plain):
                yield from _fasta_pieces(plain, shown, block)
            else:
                yield from _table_pieces(plain, shown, columns or Columns())
    except DAMAGED as error:
        raise InputError(
            f"{shown}: the compressed data is truncated or corrupt ({error}); fetch the file again"
        ) from None
    except OSError as error:
        raise InputError(cannot_read(shown, error)) from None


def _open(path: str | Path) -> IO[bytes]:
    if str(path) == STANDARD_INPUT:
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    return open(path, "rb", buffering=0)


def _is_fasta(plain: Any) -> bool:
    return plain.peek(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b">", b";")


def _fasta_pieces(plain: Any, shown: str, block: int) -> Iterator[Piece]:
    held: Piece | None = None
    for chunk in parse_fasta(plain, shown, block):
        if held is not None:
            yield Piece(held.record, held.name, "", held.start, held.letters, chunk.start == 0)
        letters = decode_codes(unpack(chunk.packed)[0])
        held = Piece(chunk.record, chunk.name, "", chunk.start, letters, True)
    if held is not None:
        yield held


def _table_pieces(plain: Any, shown: str, columns: Columns) -> Iterator[Piece]:
    text = io.TextIOWrapper(plain, encoding="utf-8-sig", newline="")  # type: ignore[arg-type]
    try:
        first = text.readline()
        if not first.strip():
            raise InputError(f"{shown}: is empty or begins with an empty line; give FASTA or a table")
        delimiter = "\t" if first.count("\t") > first.count(",") else ","
        header = next(csv.reader([first], delimiter=delimiter))
        lines = csv.reader(text, delimiter=delimiter)
        places = _places(header, columns, shown)
        if places is None:
            yield _piece(shown, 1, 0, header, (0, None, None))
        count = 0 if places else 1
        for fields in lines:
            if fields:
                line = lines.line_num + 1
                yield _piece(shown, line, count, fields, places or (0, None, None))
                count += 1
        if not count:
            raise InputError(f"{shown}: holds a header and no row; give sequences")
    except UnicodeDecodeError:
        raise InputError(f"{shown}: is no UTF-8 text; give FASTA, CSV or TSV, plain or gzip") from None
    except csv.Error as error:
        raise InputError(f"{shown}: is no table that can be read ({error}); correct it") from None


def _places(header: Sequence[str], columns: Columns, shown: str) -> tuple[int, int | None, int | None] | None:
    """Return the places of sequence, name and label; None where the first line is a sequence itself."""
    names = [name.strip() for name in header]
    if len(names) == 1 and not columns.sequence and names[0].lower() not in SEQUENCE_COLUMNS:
        with contextlib.suppress(InputError):
            encode_letters(names[0])
            return None
    sequence = _place(names, columns.sequence, SEQUENCE_COLUMNS, shown, "--sequence-column")
    if sequence is None:
        raise InputError(
            f"{shown}: no column is called {', '.join(SEQUENCE_COLUMNS[:3])} (there are: "
            f"{', '.join(names)[:120]}); name it with --sequence-column, or give FASTA"
        )
    name = _place(names, columns.name, NAME_COLUMNS, shown, "--name-column")
    label = _place(names, columns.label, LABEL_COLUMNS, shown, "--label-column")
    return sequence, name, label


def _place(
    names: Sequence[str], wanted: str | None, usual: Sequence[str], shown: str, option: str
) -> int | None:
    if wanted is not None:
        if wanted not in names:
            raise InputError(f"{shown}: has no column '{wanted}' ({option}); {suggest(wanted, names)}")
        return names.index(wanted)
    lower = [name.lower() for name in names]
    return next((lower.index(each) for each in usual if each in lower), None)


def _piece(
    shown: str, line: int, record: int, fields: Sequence[str], places: tuple[int, int | None, int | None]
) -> Piece:
    sequence, name, label = places
    if len(fields) <= max(place for place in places if place is not None):
        raise InputError(f"{shown}: line {line} has {len(fields)} fields, fewer than the header; correct it")
    try:
        letters = decode_codes(encode_letters(fields[sequence].strip())[0])
    except InputError as error:
        raise InputError(f"{shown}: line {line}: {error}") from None
    return Piece(
        record,
        fields[name] if name is not None else f"sequence_{record + 1}",
        fields[label] if label is not None else "",
        0,
        letters,
        True,
    )
