"""Made-up rows whose label a small model can learn."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

MOTIF = "TTAGGGTTAGGG"


def random_dna(generator: np.random.Generator, length: int) -> str:
    return "".join(generator.choice(list("ACGT"), size=length))


def labelled(seed: int, rows: int, shortest: int = 40, longest: int = 40) -> list[tuple[str, int]]:
    """Rows whose label says whether the motif stands in the sequence."""
    generator = np.random.default_rng(seed)
    made = []
    for row in range(rows):
        sequence = random_dna(generator, int(generator.integers(shortest, longest + 1)))
        if row % 2:
            at = int(generator.integers(0, len(sequence) - len(MOTIF)))
            sequence = sequence[:at] + MOTIF + sequence[at + len(MOTIF) :]
        made.append((sequence, row % 2))
    return made


def write_csv(path: Path, rows: list[tuple[object, ...]], header: str = "sequence,label") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        stream.write(header + "\n" if header else "")
        csv.writer(stream, lineterminator="\n").writerows(rows)
    return path
