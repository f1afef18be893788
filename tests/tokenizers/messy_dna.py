"""Sequences with all that occurs in files: lower case, N, U, IUPAC letters, repeats, and nothing at all."""

from __future__ import annotations

import random

MESSY = [
    "",
    "A",
    "acg",
    "NNNN",
    "ACGTNACGT",
    "uuAACCGGTTuu",
    "ACGTRYKMacgtACGTTTTTTTTTTTTTTTTTTTTACACACACACAC",
    "GATTACAGATTACANGATTACAGATTACAGATTACA",
]


def random_dna(length: int, seed: int) -> str:
    generator = random.Random(seed)
    words = []
    while sum(map(len, words)) < length:
        unit = "".join(generator.choices("ACGT", k=generator.randint(1, 8)))
        words.append(unit * generator.choice([1, 1, 1, 2, 6]))
    return "".join(words)[:length]


def canonical(sequence: str) -> str:
    return "".join(letter if letter in "ACGT" else "N" for letter in sequence.upper().replace("U", "T"))
