"""Given intervals of one row, in the order of preference that a plugin's `units` gives them.

Worked example: a plugin for CpG yields (1, 3) and (5, 7) of ACGTACGT. With one letter a token and a rate of
0.25, the target is 2 of 8 tokens: the first interval spends it, and the second is not looked at.
"""

from __future__ import annotations

import numpy as np

from dnamask_plugins.compiled import njit
from dnamask_plugins.strategies.kernels.drawing import UNKNOWN_LETTER, spend_on_items, unit_weight
from dnamask_plugins.strategies.kernels.row import new_row, open_row
from dnamask_plugins.strategies.kernels.spending import offer_interval
from dnamask_plugins.streams import number_at


@njit(cache=True, nogil=True)
def select_units(  # type: ignore[no-untyped-def]
    arrays, index, rate, per_nucleotide, intervals, more_to_come, fill, mask
):
    """Hide given intervals, (M, 2), of one example in order; return True when no further one is needed.

    An interval whose weight puts it back comes after the others, one with an unknown letter last.
    """
    row = new_row(arrays, per_nucleotide)
    open_row(row, arrays, index, mask, rate)
    word = row.word
    if not row.target > 0:
        return True
    draw = number_at(word, 0)
    late, unknown = np.empty(intervals.shape[0], np.int64), np.empty(intervals.shape[0], np.int64)
    lates = unknowns = 0
    for unit in range(intervals.shape[0]):
        start, stop = max(intervals[unit, 0], row.low), min(intervals[unit, 1], row.high)
        weight = unit_weight(row, start, stop)
        if weight == UNKNOWN_LETTER:
            unknown[unknowns] = unit
            unknowns += 1
        elif weight > 0:
            if weight < 1 and number_at(word, unit + 1) >= weight:
                late[lates] = unit
                lates += 1
            elif offer_interval(row, start, stop, draw):
                return True
    if more_to_come:
        return False
    for order in range(lates + unknowns):
        unit = late[order] if order < lates else unknown[order - lates]
        if offer_interval(row, intervals[unit, 0], intervals[unit, 1], draw):
            return True
    if fill:
        row.numbers = intervals.shape[0] + 2
        spend_on_items(row, 1, 0, draw)
    return True
