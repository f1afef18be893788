"""Small real genomes that come with the package, for the quickstart, examples and tests."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

_FILES: Final = {
    "fly": "fly_chr4.fa.gz",
    "yeast": "yeast_chrI.fa.gz",
    "h_pylori": "h_pylori.fa.gz",
    "s_aureus": "s_aureus.fa.gz",
}


def bundled_genomes() -> dict[str, Path]:
    """Return the shipped genomes, name to gzip FASTA.

    Fruit fly chromosome 4 (soft-masked), baker's yeast chromosome I, and the whole chromosomes of
    Helicobacter pylori and Staphylococcus aureus; ``ORIGIN.md`` beside them gives their sources and licences.

    Examples
    --------
    >>> sorted(bundled_genomes())
    ['fly', 'h_pylori', 's_aureus', 'yeast']
    """
    folder = Path(str(files("dnamask_plugins"))) / "data" / "genomes"
    return {name: folder / file for name, file in _FILES.items()}
