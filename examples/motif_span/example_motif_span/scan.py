"""Where motifs occur: position weight matrices along both strands, with a threshold from a p-value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.compiled import njit
from example_motif_span.matrices import Motif

BIN: Final = 0.01
"""Width, in bits, to which scores are rounded for the distribution of random sequence."""


def score_threshold(log_odds: NDArray[np.float64], p_value: float) -> float:
    """Return the score that a random word of equal letters reaches with at most this probability.

    The exact distribution of the rounded score, one column convolved after the other (Staden 1989). A
    short motif whose best word is more frequent than that keeps its best word.

    Parameters
    ----------
    log_odds : float64 array, shape (w, 4)
    p_value : float
    """
    steps = np.rint(log_odds / BIN).astype(np.int64)
    lowest = steps.min(axis=1)
    distribution = np.ones(1)
    for column, low in zip(steps, lowest, strict=True):
        grown = np.zeros(distribution.size + int((column - low).max()))
        for step in column - low:
            grown[step : step + distribution.size] += distribution / 4
        distribution = grown
    reached = np.cumsum(distribution[::-1])[::-1]
    rare = np.flatnonzero((reached <= p_value) & (reached > 0))
    best = distribution.size - 1
    return float((lowest.sum() + (rare[0] if rare.size else best)) * BIN)


@njit(cache=True, nogil=True)
def _scan(codes, scores, widths, thresholds, best_rest, hits, limit):  # type: ignore[no-untyped-def]
    found = 0
    for motif in range(widths.shape[0]):
        width = widths[motif]
        for start in range(codes.shape[0] - width + 1):
            total = 0.0
            alive = True
            for place in range(width):
                code = codes[start + place]
                # Once the best that can follow does not reach the threshold, the rest need not be looked at.
                if code > 3 or total + best_rest[motif, place] < thresholds[motif]:
                    alive = False
                    break
                total += scores[motif, place, code]
            if alive and total >= thresholds[motif]:
                if found < limit:
                    hits[found, 0] = start
                    hits[found, 1] = start + width
                found += 1
    return found


@dataclass(frozen=True, eq=False)
class Scanner:
    """Motifs in the form in which they are scanned, each on both strands.

    Attributes
    ----------
    scores : float64 array, shape (M, W, 4)
        Log odds, rounded to `BIN`; the reverse complements follow the motifs.
    widths : int64 array, shape (M,)
    thresholds : float64 array, shape (M,)
    best_rest : float64 array, shape (M, W)
        The most that the columns from here on can add.
    """

    scores: NDArray[np.float64]
    widths: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    best_rest: NDArray[np.float64]

    @classmethod
    def of(cls, motifs: Sequence[Motif], p_value: float) -> Scanner:
        """Prepare motifs for a threshold."""
        forward = [np.rint(motif.log_odds() / BIN) * BIN for motif in motifs]
        both = [*forward, *(matrix[::-1, ::-1] for matrix in forward)]
        thresholds = [score_threshold(matrix, p_value) - BIN / 2 for matrix in forward] * 2
        widths = np.array([len(matrix) for matrix in both], dtype=np.int64)
        scores = np.zeros((len(both), int(widths.max()), 4))
        best_rest = np.zeros(scores.shape[:2])
        for index, matrix in enumerate(both):
            scores[index, : len(matrix)] = matrix
            best_rest[index, : len(matrix)] = np.cumsum(matrix.max(axis=1)[::-1])[::-1]
        return cls(scores, widths, np.array(thresholds), best_rest)

    def hits(self, codes: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return where a motif occurs on either strand, intervals of shape (H, 2) in the given strand.

        Parameters
        ----------
        codes : uint8 array, shape (n,)
            A C G T = 0 1 2 3, anything else matches nothing.
        """
        hits = np.empty((256, 2), dtype=np.int64)
        arrays = (codes, self.scores, self.widths, self.thresholds, self.best_rest)
        found = _scan(*arrays, hits, len(hits))
        if found > len(hits):
            hits = np.empty((found, 2), dtype=np.int64)
            _scan(*arrays, hits, found)
        return hits[:found]
