"""A small task made from genomes: telling which species a read comes from."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from dnamask_plugins.corpus.fasta import read_fasta
from dnamask_plugins.errors import InputError
from dnamask_plugins.files import write_atomically
from dnamask_plugins.nucleotides import reverse_complement

REGIONS: Final = {"train": (0.0, 0.6), "dev": (0.6, 0.8), "test": (0.8, 1.0)}
"""Share of each genome that a split's reads are cut from, so that no two splits share a base."""


def write_origin_task(
    genomes: Mapping[str, Path], folder: Path, reads: Mapping[str, int], length: int = 200, seed: int = 0
) -> list[str]:
    """Write ``train.csv``, ``dev.csv`` and ``test.csv`` of reads labelled with their species.

    Parameters
    ----------
    genomes : mapping of str to Path
        Species and FASTA file; the label is the position in alphabetical order.
    folder : Path
    reads : mapping of str to int
        Reads per species in each split.
    length : int
        Nucleotides in a read; either strand with probability 1/2.
    seed : int

    Returns
    -------
    list of str
        Species by label.

    Raises
    ------
    InputError
        A genome has no region long enough for a read.
    """
    species = sorted(genomes)
    rows: dict[str, list[tuple[str, int]]] = {split: [] for split in REGIONS}
    rng = np.random.default_rng(seed)
    for label, name in enumerate(species):
        sequence = b"".join(record.sequence for record in read_fasta(genomes[name])).upper()
        for split, (low, high) in REGIONS.items():
            region = sequence[int(low * len(sequence)) : int(high * len(sequence))]
            rows[split] += [(read, label) for read in _cut(region, reads[split], length, rng, name)]
    for split, labelled in rows.items():
        order = rng.permutation(len(labelled))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("sequence", "label"))
        writer.writerows(labelled[index] for index in order)
        write_atomically(folder / f"{split}.csv", text.getvalue())
    return species


def _cut(region: bytes, count: int, length: int, rng: np.random.Generator, name: str) -> list[str]:
    cut: list[str] = []
    for _ in range(100 * count):
        if len(cut) == count or len(region) < length:
            break
        start = int(rng.integers(len(region) - length + 1))
        read = region[start : start + length]
        if not read.strip(b"ACGT"):
            text = read.decode()
            cut.append(text if rng.random() < 0.5 else reverse_complement(text))
    if len(cut) < count:
        raise InputError(f"{name}: too few stretches of {length} known nucleotides for {count} reads")
    return cut
