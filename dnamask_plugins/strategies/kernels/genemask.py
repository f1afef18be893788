"""GeneMask: centres, the best-scored window over each, and the better half of them.

Worked example, k = 3: in AACGTAC the nucleotides 1 and 5 are drawn as centres. The windows over nucleotide 1
(A) are AAC and ACG, with ranks 12 and 40, so that its best one is ACG, [1, 4). Those over nucleotide 5 (A)
are GTA and TAC, ranks 3 and 9: TAC, [4, 7). If ACG belongs to the better half of all centres' best windows
and TAC does not, the first centre hides all of ACG and the second only its own nucleotide, 5.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dnamask_plugins.compiled import njit
from dnamask_plugins.strategies.kernels.drawing import (
    LENGTH_SALT,
    NONE,
    all_plain,
    fill_pool,
    next_item,
    unit_weight,
)
from dnamask_plugins.strategies.kernels.kmers import NO_CODE, last_code, next_code, position_rank
from dnamask_plugins.strategies.kernels.row import (
    new_row,
    next_number,
    open_row,
    tokens_over,
)
from dnamask_plugins.strategies.kernels.spending import hide_tokens, mean_gain, offer_interval
from dnamask_plugins.streams import number_at

_SMALLEST_HALF: Final = 5
"""Where the better half would hold fewer centres than this, every centre counts as one of them."""

_ABOVE_ALL: Final = np.iinfo(np.int64).max


@njit(nogil=True)
def _best_window(row, center, k, ranks, by_position):  # type: ignore[no-untyped-def]
    """Return rank and start of the best-scored window over a centre; (-1, NONE) without one.

    Ties go to the window with the centre in its middle, then to the leftmost.
    """
    codes, weighted = row.codes, row.weights.shape[0] > 0
    best_rank, best_start = -1, NONE
    middle = center - k // 2
    leftmost = max(center - k + 1, row.low)
    end = min(center + k, row.high)
    known, code, last = 0, NO_CODE, last_code(k)
    for nucleotide in range(leftmost, end):
        if codes[nucleotide] > 3:
            known = 0
        else:
            code = next_code(code, codes[nucleotide], last)
            known += 1
        start = nucleotide + 1 - k
        if start < leftmost:
            continue
        rank = ranks[code] if known >= k else -1
        if by_position:
            rank = position_rank(start, ranks)
        if rank < best_rank or (rank == best_rank and start != middle) or rank < 0:
            continue
        if weighted and unit_weight(row, start, start + k) <= 0:
            continue
        best_rank, best_start = rank, start
    return best_rank, best_start


@njit(nogil=True)
def _mark_better_half(ranks, count, better):  # type: ignore[no-untyped-def]
    """Mark the better half of the centres and return the lowest rank in it.

    Ties go to the centre drawn earlier. Few centres: all of them.
    """
    wanted = (count + 1) // 2
    if wanted < _SMALLEST_HALF:
        wanted = count
    lowest = _ABOVE_ALL
    for index in range(count):
        ahead = 0
        for other in range(count):
            if ranks[other] > ranks[index] or (ranks[other] == ranks[index] and other < index):
                ahead += 1
        better[index] = ahead < wanted
        if better[index] and ranks[index] < lowest:
            lowest = ranks[index]
    return lowest


@njit(nogil=True)
def _unit_of(row, center, window, k, better):  # type: ignore[no-untyped-def]
    """Return what hiding a centre hides: its best window if it is among the better half, else itself.

    Given that the centre was kept, the window is kept with the chance that makes the product its own weight.
    """
    if not better or window == NONE:
        return center, center + 1
    if row.weights.shape[0]:
        own = unit_weight(row, center, center + 1)
        whole = unit_weight(row, window, window + k)
        if whole < own and next_number(row) * own >= whole:
            return center, center + 1
    return window, window + k


@njit(cache=True, nogil=True)
def select_genemask(  # type: ignore[no-untyped-def]
    arrays, rate, per_nucleotide, k, ranks, by_position, mask
):
    """GeneMask with an exact budget."""
    row = new_row(arrays, per_nucleotide)
    size = row.visible.shape[0]
    centers, windows = np.empty(size, np.int64), np.empty(size, np.int64)
    window_ranks, better = np.empty(size, np.int64), np.empty(size, np.bool_)
    for index in range(mask.shape[0]):
        open_row(row, arrays, index, mask, rate)
        if not row.target > 0:
            continue
        draw = number_at(row.word, 0)
        wanted = max(int(row.target / mean_gain(row, 1, k) + 0.5), 1)
        fill_pool(row, row.low, row.high)
        plain = all_plain(row)
        count = 0
        while count < wanted:
            center = next_item(row, 1, 0, plain)
            if center == NONE:
                break
            centers[count] = center
            window_ranks[count], windows[count] = _best_window(row, center, k, ranks, by_position)
            count += 1
        lowest = _mark_better_half(window_ranks, count, better)
        for drawn in range(count):
            start, stop = _unit_of(row, centers[drawn], windows[drawn], k, better[drawn])
            if offer_interval(row, start, stop, draw):
                break
        _draw_further(row, k, ranks, by_position, lowest, draw, plain)


@njit(nogil=True)
def _draw_further(row, k, ranks, by_position, lowest, draw, plain):  # type: ignore[no-untyped-def]
    """Spend what is left on further centres, judged by the lowest rank of the better half."""
    while not row.spent:
        center = next_item(row, 1, 0, plain)
        if center == NONE:
            return
        rank, window = _best_window(row, center, k, ranks, by_position)
        start, stop = _unit_of(row, center, window, k, rank >= lowest)
        offer_interval(row, start, stop, draw)


@njit(cache=True, nogil=True)
def genemask_of_centers(  # type: ignore[no-untyped-def]
    arrays, centers, k, ranks, by_position, mask
):
    """GeneMask's rule for given centres, bool (B, N), without a budget."""
    row = new_row(arrays, False)
    size = row.visible.shape[0]
    chosen, windows = np.empty(size, np.int64), np.empty(size, np.int64)
    window_ranks, better = np.empty(size, np.int64), np.empty(size, np.bool_)
    for index in range(mask.shape[0]):
        open_row(row, arrays, index, mask, 0.0)
        row.word ^= LENGTH_SALT
        count = 0
        for center in range(row.low, row.high):
            if centers[index, center]:
                chosen[count] = center
                window_ranks[count], windows[count] = _best_window(row, center, k, ranks, by_position)
                count += 1
        _mark_better_half(window_ranks, count, better)
        for drawn in range(count):
            start, stop = _unit_of(row, chosen[drawn], windows[drawn], k, better[drawn])
            begin, end = tokens_over(row, start, stop)
            hide_tokens(row, begin, end)
