"""Intervals on a genome, read into sequences: the form in which Genomic Benchmarks keeps its rows.

A class is a CSV of ``id,region,start,end,strand``; places count from 0, and the end is no part of it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dnamask_plugins import terminal
from dnamask_plugins.corpus.fasta import read_fasta
from dnamask_plugins.errors import InputError
from dnamask_plugins.harness.tables.file_names import format_of
from dnamask_plugins.nucleotides import reverse_complement

COLUMNS: Final = ("region", "start", "end", "strand")


@dataclass(frozen=True)
class Interval:
    """A stretch of one strand: `start` counts from 0, `end` is after the last letter."""

    region: str
    start: int
    end: int
    minus: bool


def parse_intervals(columns: Mapping[str, Sequence[Any]], where: Callable[[int], str]) -> list[Interval]:
    """Read the columns region, start, end and strand.

    Raises
    ------
    InputError
        A place is no whole number, an interval is empty, or a strand is neither + nor -.
    """
    found = []
    for row, (region, start, end, strand) in enumerate(
        zip(*(columns[name] for name in COLUMNS), strict=True)
    ):
        if not (re.fullmatch(r"\d+", start) and re.fullmatch(r"\d+", end) and int(start) < int(end)):
            raise InputError(
                f"{where(row)}: {start!r} to {end!r} is no interval "
                "(whole numbers, start below end); correct it"
            )
        if strand not in ("+", "-"):
            raise InputError(f"{where(row)}: strand {strand!r} is neither + nor -; correct it")
        found.append(Interval(region, int(start), int(end), strand == "-"))
    return found


def find_genome(folder: Path) -> list[Path]:
    """Return the FASTA files of a folder, or of the one above it where there is none.

    Raises
    ------
    InputError
        Neither holds one.
    """
    for place in (folder, folder.parent):
        files = sorted(path for path in place.iterdir() if path.is_file() and format_of(path) == "fasta")
        if files:
            return files
    raise InputError(
        f"{folder}: holds intervals on a genome, but no genome; put its FASTA there or into {folder.parent}"
    )


def read_intervals(
    intervals: Sequence[Interval], genome: Sequence[Path], where: Callable[[int], str]
) -> list[str]:
    """Return the sequence of every interval, upper case; that of the minus strand as its reverse complement.

    One record of the genome is held at a time. A region is the first word of a header, with or without
    ``chr`` before it.

    Raises
    ------
    InputError
        A region is not in the genome or in it twice, or an interval ends after its region.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, interval in enumerate(intervals):
        rows[_bare(interval.region)].append(row)
    sequences: dict[int, str] = {}
    seen: dict[str, Path] = {}
    with terminal.bar(transient=True) as bar:
        task = bar.add_task("intervals", total=len(intervals))
        for path in genome:
            for record in read_fasta(path):
                region = _bare(record.name)
                if region in rows and region in seen:
                    raise InputError(
                        f"{path}: region '{record.name}' stands in {seen[region]} as well; "
                        "leave the one genome that the intervals are of"
                    )
                seen[region] = path
                for row in rows.get(region, ()):
                    sequences[row] = _cut(record.sequence, intervals[row], where(row))
                    bar.advance(task)
    for row, interval in enumerate(intervals):
        if row not in sequences:
            names = ", ".join(path.name for path in genome)
            raise InputError(
                f"{where(row)}: region '{interval.region}' is not in {names}; give the genome they are of"
            )
    return [sequences[row] for row in range(len(intervals))]


def _cut(region: bytes, interval: Interval, where: str) -> str:
    if interval.end > len(region):
        raise InputError(
            f"{where}: the interval ends at {interval.end}, and region '{interval.region}' has "
            f"{len(region)} letters; give the genome version that the intervals are of"
        )
    letters = region[interval.start : interval.end].decode().upper()
    return reverse_complement(letters) if interval.minus else letters


def _bare(name: str) -> str:
    """Return the name of a chromosome without the ``chr`` that UCSC writes and Ensembl does not."""
    return name[3:] if name.startswith("chr") else name
