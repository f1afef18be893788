"""Variants from a VCF or a table, and the reference around each of them."""

from __future__ import annotations

import csv
import io
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dnamask_plugins.corpus.compressed import DAMAGED, decompressed
from dnamask_plugins.corpus.sources import cannot_read
from dnamask_plugins.errors import InputError
from dnamask_plugins.inference.job import InferenceWarning
from dnamask_plugins.inference.sequences import Piece

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "chrom": ("chrom", "#chrom", "chromosome", "chr", "sequence", "contig"),
    "pos": ("pos", "position"),
    "ref": ("ref", "reference"),
    "alt": ("alt", "alternate", "alternative"),
    "id": ("id", "variant_id", "rsid", "name"),
}
_LETTERS: Final = frozenset("ACGT")


@dataclass(frozen=True)
class Variant:
    """One alternative allele.

    Attributes
    ----------
    number : int
        Its place in the file, from 0; the alleles of one line count one by one.
    chrom : str
    start : int
        Of the reference allele, 0-based.
    name : str
    ref, alt : str
        Upper case.
    """

    number: int
    chrom: str
    start: int
    name: str
    ref: str
    alt: str

    @property
    def plain(self) -> bool:
        """Whether both alleles are spelled out; ``<DEL>``, ``*`` and ``N`` are not."""
        return bool(self.ref and self.alt) and set(self.ref) <= _LETTERS and set(self.alt) <= _LETTERS

    @property
    def changes_length(self) -> bool:
        """Whether it is an insertion or a deletion."""
        return len(self.ref) != len(self.alt)

    @property
    def places(self) -> list[int]:
        """Positions within the reference allele at which the alleles differ."""
        return [
            place for place, (one, other) in enumerate(zip(self.ref, self.alt, strict=True)) if one != other
        ]

    def __str__(self) -> str:
        return f"{self.chrom}:{self.start + 1} {self.ref}>{self.alt}"


@dataclass(frozen=True, eq=False)
class Context:
    """A variant and the reference around it.

    Attributes
    ----------
    variant : Variant
    letters : str
        The window of the reference.
    place : int
        Where the reference allele begins in it.
    """

    variant: Variant
    letters: str
    place: int

    @property
    def whole(self) -> bool:
        """Whether the reference allele lies inside."""
        return self.place >= 0 and self.place + len(self.variant.ref) <= len(self.letters)

    @property
    def changed(self) -> str:
        """The window with the alternative allele; longer or shorter than the other where that is.

        Examples
        --------
        >>> Context(Variant(0, "chr1", 99, "", "TA", "T"), "GGTATAAA", 2).changed
        'GGTTAAA'
        """
        behind = self.place + len(self.variant.ref)
        return self.letters[: self.place] + self.variant.alt + self.letters[behind:]


def read_variants(path: str | Path) -> list[Variant]:
    """Read a VCF, or a table with the columns chrom, pos, ref, alt and perhaps id; plain or gzip.

    Positions count from 1, in both. A line with several alternative alleles gives as many variants.

    Raises
    ------
    InputError
        The file cannot be read, or a line is no variant; names the line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".tsv") as table:
    ...     _ = table.write(chr(9).join(["chrom", "pos", "ref", "alt"]) + chr(10))
    ...     _ = table.write(chr(9).join(["chr20", "101", "a", "G,T"]) + chr(10))
    ...     table.flush()
    ...     [(str(variant), variant.start) for variant in read_variants(table.name)]
    [('chr20:101 A>G', 100), ('chr20:101 A>T', 100)]
    """
    try:
        with open(path, "rb") as raw:
            text = io.TextIOWrapper(decompressed(raw, path), encoding="utf-8-sig", newline="")
            return list(_parse(text, str(path)))
    except DAMAGED as error:
        raise InputError(
            f"{path}: the compressed data is truncated or corrupt ({error}); fetch the file again"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no UTF-8 text; give a VCF or a table") from None
    except OSError as error:
        raise InputError(cannot_read(path, error)) from None


def _parse(text: io.TextIOWrapper, shown: str) -> Iterator[Variant]:
    lines = ((number, line) for number, line in enumerate(text, start=1) if not line.startswith("##"))
    _, header = next(lines, (0, ""))
    delimiter = "\t" if "\t" in header else ","
    names = [name.strip().lower() for name in header.rstrip("\r\n").split(delimiter)]
    places = {
        key: next((names.index(each) for each in usual if each in names), None)
        for key, usual in COLUMNS.items()
    }
    missing = [key for key in ("chrom", "pos", "ref", "alt") if places[key] is None]
    if missing:
        raise InputError(
            f"{shown}: the header has no column {', '.join(missing)}; give a VCF, or a table with "
            "chrom, pos, ref and alt"
        )
    count = 0
    for number, line in lines:
        if line.strip():
            fields = next(csv.reader([line], delimiter=delimiter))
            for variant in _variants(fields, places, count, f"{shown}: line {number}"):
                yield variant
                count += 1
    if not count:
        raise InputError(f"{shown}: holds no variant")


def _variants(
    fields: Sequence[str], places: Mapping[str, int | None], count: int, where: str
) -> Iterator[Variant]:
    def field(key: str) -> str:
        place = places[key]
        return fields[place].strip() if place is not None else ""

    try:
        position = int(field("pos"))
    except (ValueError, IndexError):
        raise InputError(f"{where} is no variant ({' '.join(fields)[:60]!r}); correct it") from None
    if position < 1 or len(fields) <= max(place for place in places.values() if place is not None):
        raise InputError(f"{where} is no variant ({' '.join(fields)[:60]!r}); positions count from 1")
    for offset, allele in enumerate(field("alt").split(",")):
        yield Variant(
            count + offset,
            field("chrom"),
            position - 1,
            field("id").removeprefix("."),
            field("ref").upper(),
            allele.strip().upper(),
        )


def contexts(
    variants: Sequence[Variant], pieces: Iterable[Piece], length: int, shown: str
) -> Iterator[Context]:
    """Yield each variant with a window of the reference, in the order of the reference.

    The reference is read once, in pieces. A variant is in the middle of its window, except near the ends
    of a sequence. The window is shorter by as many letters as the variant inserts, so that neither allele's
    window exceeds the length.

    Parameters
    ----------
    variants : sequence of Variant
    pieces : iterable of Piece
        The reference.
    length : int
        Nucleotides in a window.
    shown : str
        Name of the reference, for messages.

    Raises
    ------
    InputError
        A variant lies on no sequence of the reference or beyond its end, or the reference has other letters.
    """
    waiting: dict[str, list[Variant]] = defaultdict(list)
    for variant in variants:
        waiting[variant.chrom].append(variant)
    seen: list[str] = []
    here: list[Variant] = []
    buffer, origin = "", 0
    for piece in pieces:
        if piece.start == 0:
            seen.append(piece.name)
            here = sorted(_of(piece.name, waiting), key=lambda each: (-each.start, -each.number))
            buffer, origin = "", 0
        if not here:
            continue
        buffer += piece.letters
        end = origin + len(buffer)
        while here and (piece.last or _window(here[-1], length)[1] <= end):
            yield _context(here.pop(), buffer, origin, length, shown)
        # The next variant's window may begin later than that of one behind it; none begins before this.
        keep = max(min(here[-1].start - length if here else end, end - length), origin)
        buffer, origin = buffer[keep - origin :], keep
    left = next(iter(waiting.values()), None)
    if left:
        names = ", ".join(seen[:3]) + (" ..." if len(seen) > 3 else "")
        raise InputError(f"{left[0]}: {shown} has no sequence '{left[0].chrom}' (it has {names})")


def _of(name: str, waiting: dict[str, list[Variant]]) -> list[Variant]:
    """Take the variants of a sequence; 'chr20' and '20' are the same, which is said."""
    other = name.removeprefix("chr") if name.startswith("chr") else f"chr{name}"
    if name not in waiting and other in waiting:
        warnings.warn(
            f"'{other}' of the variants is taken for '{name}' of the reference",
            InferenceWarning,
            stacklevel=2,
        )
        return waiting.pop(other)
    return waiting.pop(name, [])


def _window(variant: Variant, length: int) -> tuple[int, int]:
    if variant.plain:
        length = max(length - max(len(variant.alt) - len(variant.ref), 0), 0)
    start = max(variant.start + len(variant.ref) // 2 - length // 2, 0)
    return start, start + length


def _context(variant: Variant, buffer: str, origin: int, length: int, shown: str) -> Context:
    start, stop = _window(variant, length)
    length = stop - start
    end = origin + len(buffer)
    if variant.start + len(variant.ref) > end:
        raise InputError(
            f"{variant}: lies beyond the end of '{variant.chrom}' in {shown} ({end:,} nucleotides); is it "
            "another assembly?"
        )
    if stop > end:
        start = max(end - length, origin)
    letters = buffer[start - origin : start - origin + length]
    context = Context(variant, letters, variant.start - start)
    found = letters[max(context.place, 0) : context.place + len(variant.ref)]
    comparable = context.whole and set(variant.ref) <= _LETTERS and "N" not in found
    if comparable and found != variant.ref:
        raise InputError(
            f"{variant}: {shown} has {found} there; is it another assembly? correct or remove the variant"
        )
    return context
