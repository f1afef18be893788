"""What masks are like: the realised rate, its spread, and how much of what is masked is really hidden."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.budget import shown_nucleotides, token_rate
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
    covered, visible = shown_nucleotides(mask, batch)
    before = np.zeros((len(batch), covered.shape[1] + 1), dtype=np.int64)
    np.cumsum(covered & ~visible, axis=1, out=before[:, 1:])
    rows = np.arange(len(batch))[:, None]
    return before[rows, batch.offsets[..., 1]] - before[rows, batch.offsets[..., 0]]


def report(masks: Iterable[tuple[BoolArray, TokenBatch]]) -> MaskReport:
    """Sum masks up.

    Parameters
    ----------
    masks : iterable of (bool array of shape (B, L), TokenBatch)

    Returns
    -------
    MaskReport
        NaN where there is nothing to measure.
    """
    rates: list[NDArray[np.float64]] = []
    hidden_counts: list[NDArray[np.int64]] = []
    hidden = covered_nucleotides = 0
    for mask, batch in masks:
        rate = token_rate(mask, batch)
        rates.append(rate[~np.isnan(rate)])
        covered, visible = shown_nucleotides(mask, batch)
        covered_nucleotides += int(covered.sum())
        hidden += int((covered & ~visible).sum())
        hidden_counts.append(hidden_in_tokens(mask, batch)[mask])
    rate = np.concatenate(rates) if rates else np.empty(0)
    counts = np.concatenate(hidden_counts) if hidden_counts else np.empty(0, dtype=np.int64)
    some = rate if rate.size else np.array([np.nan])
    found = counts if counts.size else np.array([np.nan])
    return MaskReport(
        examples=int(rate.size),
        token_rate=float(some.mean()),
        rate_spread=float(some.std()),
        rate_lowest=float(some.min()),
        rate_highest=float(some.max()),
        hidden_nucleotides=hidden / covered_nucleotides if covered_nucleotides else float("nan"),
        recoverable=float(np.mean(np.where(np.isnan(found), np.nan, found == 0))),
        one_hidden=float(np.mean(np.where(np.isnan(found), np.nan, found == 1))),
        mean_hidden=float(found.mean()),
    )
