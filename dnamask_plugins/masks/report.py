"""What masks are like: the realised rate, its spread, and how much of what is masked is really hidden."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.budget import hidden_nucleotides, shown_nucleotides, token_rate
from dnamask_plugins.nucleotides import kmer_codes
from dnamask_plugins.protocols import ScoreTable
from dnamask_plugins.types import BoolArray, TokenBatch


@dataclass(frozen=True)
class MaskReport:
    """Figures over many masked examples.

    Attributes
    ----------
    examples : int
        Rows with a token that can be masked.
    token_rate : float
        Realised mask rate, the mean over rows.
    rate_spread, rate_lowest, rate_highest : float
        Standard deviation and extremes of the rate over rows.
    hidden_nucleotides : float
        Share of the tokenized nucleotides that no visible token shows.
    recoverable : float
        Share of the masked tokens whose nucleotides visible neighbours show, all of them: nothing to predict.
    one_hidden : float
        Share of the masked tokens with exactly one hidden nucleotide.
    mean_hidden : float
        Hidden nucleotides in a masked token, on average.
    mean_npmi : float
        Mean score of the k-mers that begin where a masked token begins; NaN without a table.
    """

    examples: int
    token_rate: float
    rate_spread: float
    rate_lowest: float
    rate_highest: float
    hidden_nucleotides: float
    recoverable: float
    one_hidden: float
    mean_hidden: float
    mean_npmi: float = math.nan

    def for_log(self) -> dict[str, float]:
        """Return the figures that a training log keeps, without those that could not be measured."""
        figures = {
            "mask/token_rate": self.token_rate,
            "mask/hidden_nucleotides": self.hidden_nucleotides,
            "mask/mean_npmi": self.mean_npmi,
        }
        return {name: figure for name, figure in figures.items() if not math.isnan(figure)}


def hidden_in_tokens(mask: BoolArray, batch: TokenBatch) -> NDArray[np.int64]:
    """Count the hidden nucleotides that each token covers, shape (B, L).

    Examples
    --------
    Six neighbouring 6-mers share the one nucleotide that they hide:

    >>> from dnamask_plugins.tokenizers.kmer import KmerTokenizer
    >>> batch = KmerTokenizer(6).encode_batch(["ACGTACGTACGTAC"])
    >>> mask = np.zeros((1, 11), dtype=bool)
    >>> mask[0, 2:8] = True
    >>> hidden_in_tokens(mask, batch)[0].tolist()
    [0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0]
    """
    return _count_in_tokens(hidden_nucleotides(mask, batch), batch)


def report(masks: Iterable[tuple[BoolArray, TokenBatch]], table: ScoreTable | None = None) -> MaskReport:
    """Sum masks up.

    Parameters
    ----------
    masks : iterable of (bool array of shape (B, L), TokenBatch)
    table : ScoreTable, optional
        Scores from which the mean NPMI of the masked tokens is taken.

    Returns
    -------
    MaskReport
        NaN where there is nothing to measure.

    Examples
    --------
    One masked 6-mer of nine: its neighbours show all of its nucleotides.

    >>> from dnamask_plugins.tokenizers.kmer import KmerTokenizer
    >>> batch = KmerTokenizer(6).encode_batch(["ACGTACGTACGTAC"])
    >>> mask = np.zeros((1, 11), dtype=bool)
    >>> mask[0, 5] = True
    >>> found = report([(mask, batch)])
    >>> round(found.token_rate, 3), found.hidden_nucleotides, found.recoverable
    (0.111, 0.0, 1.0)
    """
    rates: list[NDArray[np.float64]] = []
    counts: list[NDArray[np.int64]] = []
    scores: list[NDArray[np.float64]] = []
    hidden = covered = 0
    for mask, batch in masks:
        rate = token_rate(mask, batch)
        rates.append(rate[~np.isnan(rate)])
        shown_by_some, shown_still = shown_nucleotides(mask, batch)
        out_of_sight = shown_by_some & ~shown_still
        covered += int(shown_by_some.sum())
        hidden += int(out_of_sight.sum())
        counts.append(_count_in_tokens(out_of_sight, batch)[mask])
        if table is not None:
            scores.append(_masked_scores(mask, batch, table))
    rate = np.concatenate(rates) if rates else np.empty(0)
    count = np.concatenate(counts) if counts else np.empty(0, dtype=np.int64)
    score = np.concatenate(scores) if scores else np.empty(0)
    score = score[np.isfinite(score)]
    return MaskReport(
        examples=int(rate.size),
        token_rate=_mean(rate),
        rate_spread=float(rate.std()) if rate.size else math.nan,
        rate_lowest=float(rate.min()) if rate.size else math.nan,
        rate_highest=float(rate.max()) if rate.size else math.nan,
        hidden_nucleotides=hidden / covered if covered else math.nan,
        recoverable=_mean(count == 0),
        one_hidden=_mean(count == 1),
        mean_hidden=_mean(count),
        mean_npmi=_mean(score),
    )


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else math.nan


def _count_in_tokens(hidden: BoolArray, batch: TokenBatch) -> NDArray[np.int64]:
    before = np.zeros((len(batch), hidden.shape[1] + 1), dtype=np.int64)
    np.cumsum(hidden, axis=1, out=before[:, 1:])
    rows = np.arange(len(batch))[:, None]
    return before[rows, batch.offsets[..., 1]] - before[rows, batch.offsets[..., 0]]


def _masked_scores(mask: BoolArray, batch: TokenBatch, table: ScoreTable) -> NDArray[np.float64]:
    """Return the score of the k-mer that begins where each masked token begins; NaN without one."""
    rows, columns = np.nonzero(mask)
    scores = window_scores(batch.nucleotides, table)
    starts = batch.offsets[rows, columns, 0]
    inside = starts < scores.shape[1]
    return np.asarray(scores[rows[inside], starts[inside]], dtype=np.float64)


def window_scores(codes: NDArray[np.uint8], table: ScoreTable) -> NDArray[np.float64]:
    """Return the score of the window of k nucleotides that starts at each nucleotide.

    Parameters
    ----------
    codes : uint8 array, shape (..., n)
    table : ScoreTable

    Returns
    -------
    float64 array, shape (..., n - k + 1)
        NaN for a window without a score, or with a letter other than A, C, G, T.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> table = SimpleNamespace(k=2, scores=np.arange(16.0))
    >>> window_scores(np.array([0, 1, 3, 4], dtype=np.uint8), table).tolist()  # AC, CT, TN
    [1.0, 7.0, nan]
    """
    numbers = kmer_codes(codes, table.k)
    scores = np.asarray(table.scores, dtype=np.float64)
    return np.where(numbers < 0, np.nan, scores[np.maximum(numbers, 0)])
