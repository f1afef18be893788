"""What the name of a file says: its format, and which split it holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

TABLES: Final[Mapping[str, str]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".tab": "csv",
    ".jsonl": "json",
    ".json": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
FASTA: Final = (".fa", ".fasta", ".fna", ".ffn")
_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst")
SPLIT_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "train": ("train", "training"),
    "dev": ("dev", "val", "valid", "validation", "eval"),
    "test": ("test", "testing"),
}
"""What a split is called in names of files and in a column ``split``."""


def format_of(path: Path) -> str | None:
    """Return csv, json, parquet or fasta by the suffix, compressed or not; None for another.

    Examples
    --------
    >>> format_of(Path("train.tsv.gz")), format_of(Path("positive.fa")), format_of(Path("notes.md"))
    ('csv', 'fasta', None)
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    return "fasta" if last in FASTA else TABLES.get(last)


def split_of(name: str) -> str | None:
    """Return the split that a word names.

    Examples
    --------
    >>> split_of("val"), split_of("Test"), split_of("part1")
    ('dev', 'test', None)
    """
    word = name.strip().lower()
    return next((split for split, names in SPLIT_NAMES.items() if word in names), None)
