"""Sequences as a stream: FASTA, a table or one sequence a line; plain or gzip; file or pipe."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
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
from dnamask_plugins.tasks.columns import LABEL, LOOKED_AT, NAME, PAIRS, SEQUENCE, by_name, sequence_columns

STANDARD_INPUT: Final = "-"

_LONGEST_HEADER: Final = 1 << 26
_Rows = Iterator[tuple[int, list[str]]]
"""Number of the line, and its fields."""

csv.field_size_limit(1 << 28)


@dataclass(frozen=True)
class ColumnNames:
    """Which columns of a table to read; None means to look for the usual names.

    ``sequence`` names two by comma for pairs.
    """

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
    partner : str
        The second sequence of a pair, else empty.
    """

    record: int
    name: str
    label: str
    start: int
    letters: str
    last: bool
    partner: str = ""


@dataclass(frozen=True)
class _Places:
    """Numbers of the columns in a row."""

    sequences: tuple[int, ...]
    name: int | None = None
    label: int | None = None

    @property
    def fields(self) -> int:
        """Fields that a row has at least."""
        return 1 + max(*self.sequences, self.name or 0, self.label or 0)


def read_pieces(
    path: str | Path, columns: ColumnNames | None = None, progress: Progress | None = None, block: int = BLOCK
) -> Iterator[Piece]:
    """Read sequences, holding a bounded part of them in memory.

    Parameters
    ----------
    path : str or Path
        FASTA, or a table with a header, or one sequence a line; told apart by what the file begins with.
        ``-`` is standard input.
    columns : ColumnNames, optional
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
                yield from _table_pieces(plain, shown, columns or ColumnNames())
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


def _table_pieces(plain: Any, shown: str, columns: ColumnNames) -> Iterator[Piece]:
    text = io.TextIOWrapper(plain, encoding="utf-8-sig", newline="")
    try:
        first = text.readline(_LONGEST_HEADER + 1)
        if not first.strip():
            raise InputError(f"{shown}: is empty or begins with an empty line; give FASTA or a table")
        if len(first) > _LONGEST_HEADER:
            raise InputError(
                f"{shown}: its first line has over {_LONGEST_HEADER:,} letters; give FASTA or a table"
            )
        delimiter = "\t" if first.count("\t") > first.count(",") else ","
        header = next(csv.reader([first], delimiter=delimiter))
        lines = csv.reader(text, delimiter=delimiter)
        rows: _Rows = ((lines.line_num + 1, row) for row in lines if row)
        if _is_sequence(header, columns):
            rows, places = itertools.chain([(1, header)], rows), _Places((0,))
        else:
            rows, places = _find_places([name.strip() for name in header], columns, rows, shown)
        count = 0
        for count, (line, fields) in enumerate(rows, start=1):
            yield _piece(shown, line, count - 1, fields, places)
        if not count:
            raise InputError(f"{shown}: holds a header and no row; give sequences")
    except UnicodeDecodeError:
        raise InputError(f"{shown}: is no UTF-8 text; give FASTA, CSV or TSV, plain or gzip") from None
    except csv.Error as error:
        raise InputError(f"{shown}: is no table that can be read ({error}); correct it") from None


def _is_sequence(header: Sequence[str], columns: ColumnNames) -> bool:
    """Whether the first line is a sequence itself: one a line, without a header."""
    if len(header) != 1 or columns.sequence or header[0].strip().lower() in SEQUENCE:
        return False
    with contextlib.suppress(InputError):
        encode_letters(header[0].strip())
        return True
    return False


def _find_places(
    names: Sequence[str], columns: ColumnNames, rows: _Rows, shown: str
) -> tuple[_Rows, _Places]:
    """Find the columns, by the first rows where no name tells; return all rows again."""
    given = tuple(part.strip() for part in columns.sequence.split(",")) if columns.sequence else ()
    if len(given) > 2:
        raise InputError(f"{shown}: --sequence-column names {len(given)} columns; give one, or two for pairs")
    looked_at: list[tuple[int, list[str]]] = []
    if not given and by_name((*SEQUENCE, *itertools.chain(*PAIRS)), names) is None:
        looked_at = list(itertools.islice(rows, LOOKED_AT))
    values = {
        name: [row[place] for _, row in looked_at if place < len(row)] for place, name in enumerate(names)
    }
    found = given or sequence_columns(names, values, shown)
    sequences = tuple(_place(names, each, shown, "--sequence-column") for each in found)
    rest = [name for name in names if name not in found]
    name = columns.name or by_name(NAME, rest)
    label = columns.label or by_name(LABEL, [each for each in rest if each != name])
    places = _Places(
        sequences,
        None if name is None else _place(names, name, shown, "--name-column"),
        None if label is None else _place(names, label, shown, "--label-column"),
    )
    return itertools.chain(looked_at, rows), places


def _place(names: Sequence[str], wanted: str, shown: str, option: str) -> int:
    if wanted not in names:
        raise InputError(f"{shown}: has no column '{wanted}' ({option}); {suggest(wanted, names)}")
    return names.index(wanted)


def _piece(shown: str, line: int, record: int, fields: Sequence[str], places: _Places) -> Piece:
    if len(fields) < places.fields:
        raise InputError(f"{shown}: line {line} has {len(fields)} fields, fewer than the header; correct it")
    try:
        letters = [decode_codes(encode_letters(fields[place].strip())[0]) for place in places.sequences]
    except InputError as error:
        raise InputError(f"{shown}: line {line}: {error}") from None
    return Piece(
        record,
        fields[places.name] if places.name is not None else f"sequence_{record + 1}",
        fields[places.label] if places.label is not None else "",
        0,
        letters[0],
        True,
        letters[1] if len(letters) > 1 else "",
    )
