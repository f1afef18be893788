"""Random tokens and random spans, and independently drawn centres.

Worked example: a span of length 4 around nucleotide 5 of ACGTACGTAC begins (4 - 1) // 2 = 1 before it and is
[4, 8), ACGT. In 3-mers it masks tokens 2 to 7, all those that show one of its letters.
"""

from __future__ import annotations

from dnamask_plugins.compiled import njit
from dnamask_plugins.strategies.kernels.drawing import item_interval, spend_on_items, unit_weight
from dnamask_plugins.strategies.kernels.row import (
    new_row,
    next_number,
    open_row,
    tokens_over,
)
from dnamask_plugins.strategies.kernels.spending import center_rate_of, hide_tokens
from dnamask_plugins.streams import number_at


@njit(cache=True, nogil=True)
def select_items(  # type: ignore[no-untyped-def]
    arrays, rate, per_nucleotide, exact, length, longest, center_rate, mask
):
    """Random tokens (length 0) or random spans; `longest` > 0 makes span lengths geometric.

    An exact budget draws until it is spent; otherwise each item is drawn independently, at `center_rate`, or
    where that is negative at the rate that spends the budget.
    """
    row = new_row(arrays, per_nucleotide)
    for index in range(mask.shape[0]):
        open_row(row, arrays, index, mask, rate)
        if row.tokens == 0:
            continue
        if not exact:
            _draw_each(row, rate, length, longest, center_rate)
        elif row.target > 0:
            spend_on_items(row, length, longest, number_at(row.word, 0))


@njit(nogil=True)
def _draw_each(row, rate, length, longest, center_rate):  # type: ignore[no-untyped-def]
    chance = center_rate
    if chance < 0:
        chance = rate if length == 0 else center_rate_of(row, rate, length, length)
    low, high = (0, row.tokens) if length == 0 else (row.low, row.high)
    for item in range(low, high):
        if next_number(row) >= chance:
            continue
        start, stop = item_interval(row, item, length, longest)
        if not _kept(row, start, stop):
            continue
        if length == 0:
            row.mask[row.column[item]] = True
        else:
            begin, end = tokens_over(row, start, stop)
            hide_tokens(row, begin, end)


@njit(nogil=True)
def _kept(row, start, stop):  # type: ignore[no-untyped-def]
    """Keep an independently drawn unit by its weight; one with an unknown letter is left out."""
    weight = unit_weight(row, start, stop)
    return weight == 1.0 or (weight > 0 and next_number(row) < weight)


@njit(cache=True, nogil=True)
def draw_centers(  # type: ignore[no-untyped-def]
    arrays, rate, per_nucleotide, short, long, center_rate, drawn, mask
):
    """Draw every nucleotide as a centre independently, into `drawn`, bool (B, N); `mask` stays as it is.

    Half of the centres are taken to hide `short` nucleotides, the others `long`, where the rate is derived.
    """
    row = new_row(arrays, per_nucleotide)
    for index in range(mask.shape[0]):
        open_row(row, arrays, index, mask, rate)
        if row.tokens == 0:
            continue
        chance = center_rate if center_rate >= 0 else center_rate_of(row, rate, short, long)
        for nucleotide in range(row.low, row.high):
            if next_number(row) < chance:
                drawn[index, nucleotide] = _kept(row, nucleotide, nucleotide + 1)
