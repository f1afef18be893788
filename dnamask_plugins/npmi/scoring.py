"""From counts to scores: how much more often a k-mer occurs than its parts would by chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.npmi.counting import Counts

Variant = Literal["pmi_masking", "genemask_released"]
VARIANTS: Final = get_args(Variant)
Scores = NDArray[np.float64]

PAPER_MIN_COUNT: Final = 101


def score_counts(
    counts: Mapping[int, Counts], k: int, variant: Variant = "pmi_masking", min_count: int = PAPER_MIN_COUNT
) -> tuple[Scores, Scores]:
    """Score every k-mer.

    ``pmi_masking`` (Levine et al., ICLR 2021, section 3; GeneMask, equation 1):
    PMI(w) = min over all segmentations of w into two or more contiguous parts s of ln(p(w) / prod p(s)),
    p(w) = f(w) / number of windows of that length; NPMI = PMI * ln f / (ln f + ln c).

    ``genemask_released`` is what the table released with GeneMask holds: only parts of one or two
    nucleotides, and every count over twice the number of nucleotides.

    Parameters
    ----------
    counts : mapping from length to int64 array, shape (4**length,)
        Lengths 1..k.
    k : int
    variant : {"pmi_masking", "genemask_released"}
    min_count : int
        c, the smallest count that is kept; rarer k-mers score NaN.

    Returns
    -------
    pmi, npmi : float64 arrays, shape (4**k,)

    Raises
    ------
    ConfigError
        Unknown variant, or a min_count below 1.

    Examples
    --------
    In ACACAC, AC is three of five windows where chance would give a quarter:

    >>> from dnamask_plugins.npmi.counting import count_sequences
    >>> pmi, _ = score_counts(count_sequences(["ACACAC"], 2), k=2, min_count=1)
    >>> bool(np.isclose(pmi[1], np.log((3 / 5) / (1 / 4))))
    True
    """
    if variant not in VARIANTS:
        raise ConfigError(f"unknown NPMI variant '{variant}'; {suggest(variant, VARIANTS)}")
    if min_count < 1:
        raise ConfigError(f"min count {min_count} is below 1; the papers use {PAPER_MIN_COUNT}")
    if variant == "pmi_masking":
        totals = {length: int(counts[length].sum()) for length in range(1, k + 1)}
        longest_part = k - 1
    else:
        totals = dict.fromkeys(range(1, k + 1), 2 * int(counts[1].sum()))
        longest_part = 2
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = {length: np.log(counts[length]) - np.log(total) for length, total in totals.items()}
        pmi = least_pmi(log_p, k, longest_part)
        pmi[counts[k] < min_count] = np.nan
        return pmi, pmi * discount(counts[k], min_count)


def least_pmi(log_p: Mapping[int, Scores], k: int, longest_part: int) -> Scores:
    """Return ln p(w) minus the most that two or more parts of up to `longest_part` letters give; (4**k,).

    Dynamic programming over the length of the prefix: 4**k * k steps instead of 4**k * 2**(k-1).
    """
    best: dict[int, Scores] = {}
    for length in range(1, k + 1):
        whole = length < k and length <= longest_part
        ways = log_p[length].copy() if whole else np.full(4**length, -np.inf)
        for last in range(1, min(length - 1, longest_part) + 1):
            joined = best[length - last][:, None] + log_p[last][None, :]
            np.maximum(ways, joined.reshape(-1), out=ways)
        best[length] = ways
    return np.asarray(log_p[k] - best[k], dtype=np.float64)


def discount(counts: Counts, min_count: int) -> Scores:
    """Return ln f / (ln f + ln c), shape as `counts`: 1/2 at f = c, towards 1 for frequent k-mers."""
    log_f = np.log(np.maximum(counts, 1))
    if min_count == 1:
        return np.ones_like(log_f)
    return np.asarray(log_f / (log_f + math.log(min_count)), dtype=np.float64)
