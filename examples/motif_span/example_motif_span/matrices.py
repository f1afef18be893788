"""Motifs: count matrices in JASPAR's text format, and a handful of consensus sequences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import InputError

CONSENSUS: Final = {
    "TATA box": "TATAWAAR",
    "CCAAT box": "RRCCAATSR",
    "GC box": "KGGGCGGRRY",
    "E box": "SCACGTGS",
    "AP-1": "TGASTCA",
    "CREB": "TGACGTCA",
}
"""Textbook consensus sequences, used when no matrices are given."""

_IUPAC: Final = {
    "A": "A",
    "C": "C",
    "G": "G",
    "T": "T",
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "N": "ACGT",
}


@dataclass(frozen=True, eq=False)
class Motif:
    """A motif as counts.

    Attributes
    ----------
    name : str
    counts : float64 array, shape (w, 4)
        How often A, C, G, T stand at each place.
    """

    name: str
    counts: NDArray[np.float64]

    def log_odds(self, pseudocount: float = 0.8) -> NDArray[np.float64]:
        """Return log2 of probability over the background 1/4, shape (w, 4)."""
        smoothed = self.counts + pseudocount / 4
        return np.asarray(np.log2(4 * smoothed / smoothed.sum(axis=1, keepdims=True)))


def from_consensus(name: str, letters: str) -> Motif:
    """Make a motif of a consensus sequence in IUPAC letters.

    Examples
    --------
    >>> from_consensus("start", "AR").counts.tolist()
    [[20.0, 0.0, 0.0, 0.0], [10.0, 0.0, 10.0, 0.0]]
    """
    rows = [[20.0 / len(_IUPAC[x]) if base in _IUPAC[x] else 0.0 for base in "ACGT"] for x in letters]
    return Motif(name, np.array(rows))


def read_jaspar(text: str, source: str) -> list[Motif]:
    """Read motifs in JASPAR's format: a line ``>ID name``, then rows ``A [ 1 2 3 ]`` for A, C, G and T.

    Raises
    ------
    InputError
        A matrix is not of that form; names the source and the motif.
    """
    motifs = []
    for block in filter(str.strip, text.split(">")):
        header, *lines = block.strip().splitlines()
        rows = {}
        for line in lines:
            match = re.fullmatch(r"\s*([ACGT])\s*\[?([-+.eE\d\s]+)\]?\s*", line)
            if match:
                rows[match[1]] = [float(number) for number in match[2].split()]
        name = " ".join(header.split())
        lengths = {len(row) for row in rows.values()}
        if sorted(rows) != list("ACGT") or len(lengths) != 1 or 0 in lengths:
            raise InputError(
                f"{source}: motif '{name}' needs rows A, C, G, T of one length; see jaspar.elixir.no"
            )
        counts = np.array([rows[base] for base in "ACGT"]).T
        if not np.isfinite(counts).all() or counts.min() < 0 or counts.sum(axis=1).min() <= 0:
            raise InputError(
                f"{source}: motif '{name}' has a negative count or an empty column; correct the file"
            )
        motifs.append(Motif(name, counts))
    if not motifs:
        raise InputError(f"{source}: holds no motif; give a file in JASPAR's text format")
    return motifs


def load_motifs(path: str) -> list[Motif]:
    """Read a file of matrices, or return the consensus motifs when there is none.

    Raises
    ------
    InputError
        The file cannot be read, or holds no matrices.
    """
    if not path:
        return [from_consensus(name, letters) for name, letters in CONSENSUS.items()]
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text: {error}; give a JASPAR file") from None
    return read_jaspar(text, path)
