"""Tables of the example, made from the genomes that come with the package: ``python make_tables.py``.

``species.csv``: 2,000 windows of 200 letters, half of fly chromosome 4, half of yeast chromosome I.
``skew.csv``: 400 windows of yeast, and of each its surplus of A over T. ``promoter.fa``: 420 letters before
and at the start of the yeast gene CDC19 (YAL038W). ``variants.vcf``: changes in and around its TATA box.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence

from dnamask_plugins.corpus.bundled import bundled_genomes
from dnamask_plugins.corpus.fasta import read_fasta

LENGTH = 200
GENE_START = 71_786
BEFORE, BEHIND = 400, 20
VARIANTS = (
    # position in the promoter (from 1), reference, alternative, name
    (203, "A", "G", "in_the_box"),
    (204, "T", "C", "in_the_box"),
    (202, "TATAAA", "T", "box_removed"),
    (210, "C", "CTATAAA", "second_box"),
    (60, "T", "A", "elsewhere"),
    (330, "T", "A", "elsewhere"),
    (401, "A", "G", "start_codon"),
)


def main() -> None:
    """Write the files into this folder."""
    fly, yeast = (_letters(name) for name in ("fly", "yeast"))
    draw = random.Random(0)
    rows = [
        (name, start, text[start : start + LENGTH])
        for name, text in (("fly", fly), ("yeast", yeast))
        for start in _starts(text, 1000, draw)
    ]
    draw.shuffle(rows)
    _write("species.csv", ("sequence", "label", "start"), ((text, name, start) for name, start, text in rows))
    windows = [yeast[start : start + 100] for start in _starts(yeast, 400, draw)]
    _write("skew.csv", ("sequence", "skew"), ((w, (w.count("A") - w.count("T")) / 100) for w in windows))
    promoter = yeast[GENE_START - 1 - BEFORE : GENE_START - 1 + BEHIND]
    with open("promoter.fa", "w") as out:
        out.write(f">CDC19_promoter yeast chromosome I, {BEFORE} letters before the gene\n{promoter}\n")
    with open("variants.vcf", "w") as out:
        out.write("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n")
        for position, ref, alt, name in VARIANTS:
            assert promoter[position - 1 :].startswith(ref), (position, ref)
            out.write(f"CDC19_promoter\t{position}\t{name}\t{ref}\t{alt}\n")


def _letters(name: str) -> str:
    (record,) = read_fasta(bundled_genomes()[name])
    return record.sequence.decode().upper()


def _starts(text: str, count: int, draw: random.Random) -> list[int]:
    """Draw places of windows that do not overlap and hold no N."""
    places = [
        start for start in range(0, len(text) - LENGTH, LENGTH) if "N" not in text[start : start + LENGTH]
    ]
    return sorted(draw.sample(places, count))


def _write(path: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with open(path, "w", newline="") as out:
        table = csv.writer(out)
        table.writerow(header)
        table.writerows(rows)


if __name__ == "__main__":
    main()
