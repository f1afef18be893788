"""GLOBAL: windows in the order of their scores, best first.

Every scored window of the row gets a key, and the smallest key comes first. Few windows are ever taken, so
sorting them or making a heap would cost more than keeping the smallest key of each block of windows.

A key holds the order in its high bits and the window's start in the low ones. Without noise, the order is
the rank. With noise it is that of a race: window i arrives after an exponential time divided by
exp(score / temperature), which sorts as score / temperature + Gumbel noise does, at one logarithm a window.
And that logarithm is taken only of windows that come up: -ln(1 - u) is at least u, so u serves as a lower
bound until then. A bit between order and start says that the order is exact.

Worked example, k = 3, no noise: in ACGTA the windows ACG, CGT and GTA have ranks 7, 60 and 31 of 64. Their
orders are 64 - 60 = 4 (start 1), 33 (start 2) and 57 (start 0), so CGT is hidden first, then GTA, then ACG.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import types
from numba.experimental import structref

from dnamask_plugins.compiled import njit
from dnamask_plugins.splitmix import GAMMA, ONE
from dnamask_plugins.strategies.kernels.drawing import NONE, spend_on_items, unit_weight
from dnamask_plugins.strategies.kernels.kmers import NO_CODE, last_code, next_code, position_rank
from dnamask_plugins.strategies.kernels.row import new_row, next_number, open_row
from dnamask_plugins.strategies.kernels.spending import offer_interval
from dnamask_plugins.streams import number_at

_START_BITS: Final = 31
_EXACT: Final = 1 << (_START_BITS - 1)
_START: Final = _EXACT - 1
_ORDER: Final = ~((1 << _START_BITS) - 1)
_GONE: Final = np.iinfo(np.int64).max
_GAMMA_2, _GAMMA_3, _GAMMA_4 = (np.uint64(int(GAMMA) ** power % (1 << 64)) for power in (2, 3, 4))


@structref.register
class RankingType(types.StructRef):  # type: ignore[misc]
    """How numba sees a `Ranking`."""

    def preprocess_fields(self, fields: Any) -> Any:
        """Forget that a field was made from a constant."""
        return tuple((name, types.unliteral(kind)) for name, kind in fields)


class Ranking(structref.StructRefProxy):  # type: ignore[misc]
    """The windows of a row that were not taken yet.

    Attributes
    ----------
    k : int64
        Nucleotides in a window.
    ranks : int32 array
        Rank by k-mer, or by position; higher is better, -1 without a score.
    by_position : bool
    slowness : float64 array
        exp((best - score) / temperature) by k-mer, -1 without a score; empty at temperature 0.
    keys : int64 array, shape (N,)
        By start; `_GONE` where there is no window, or it was taken.
    least : int64 array
        Smallest key of each block.
    block : int64
        Windows in a block.
    """


structref.define_proxy(
    Ranking, RankingType, ["k", "ranks", "by_position", "slowness", "keys", "least", "block"]
)


@njit(nogil=True)
def _least(keys, begin, end):  # type: ignore[no-untyped-def]
    """Return the smallest of keys begin..end-1."""
    least = _GONE
    # Unsigned: of another index numba asks whether it is negative, which keeps a loop from being vectorised.
    for index in range(np.uint64(begin), np.uint64(end)):
        least = min(least, keys[index])
    return least


@njit(nogil=True)
def _race_key(time, start):  # type: ignore[no-untyped-def]
    """Return the key of a window that arrives at `time` > 0: floats above 0 sort as their bits do."""
    return (np.float64(time).view(np.int64) & _ORDER) | start


@njit(nogil=True)
def _rank_windows(ranking, row):  # type: ignore[no-untyped-def]
    """Give every scored window of the row its key."""
    codes, keys, ranks, slowness, k = row.codes, ranking.keys, ranking.ranks, ranking.slowness, ranking.k
    by_position, word, noisy = ranking.by_position, row.word, slowness.shape[0] > 0
    run, code, last = 0, NO_CODE, last_code(k)
    worst = np.int64(last) + 1
    keys[: row.high] = _GONE
    for nucleotide in range(row.low, row.high):
        if codes[nucleotide] > 3:
            run = 0
            continue
        code = next_code(code, codes[nucleotide], last)
        run += 1
        if run < k:
            continue
        start = nucleotide + 1 - k
        if noisy:
            if slowness[code] > 0:
                keys[start] = _race_key(number_at(word, start + 1) * slowness[code], start)
        else:
            rank = position_rank(start, ranks) if by_position else ranks[code]
            if rank >= 0:
                keys[start] = ((worst - rank) << _START_BITS) | start
    block = ranking.block
    for number in range((row.high + block - 1) // block):
        ranking.least[number] = _least(keys, number * block, min((number + 1) * block, row.high))


@njit(nogil=True)
def _word_of_letters(row):  # type: ignore[no-untyped-def]
    """Return a word that the n letters c of the row make: GAMMA**n + the sum of c[i] GAMMA**(n - 1 - i).

    Four letters at a time, because each step has to wait for the product of the one before.
    """
    codes = row.codes[row.low : row.high]
    word = ONE
    fours = codes.shape[0] // 4
    for four in range(fours):
        one, two = np.uint64(codes[4 * four]), np.uint64(codes[4 * four + 1])
        three, last = np.uint64(codes[4 * four + 2]), np.uint64(codes[4 * four + 3])
        word = word * _GAMMA_4 + (one * _GAMMA_3 + two * _GAMMA_2 + three * GAMMA + last)
    for nucleotide in range(4 * fours, codes.shape[0]):
        word = word * GAMMA + np.uint64(codes[nucleotide])
    return word


@njit(nogil=True)
def _next_window(ranking, row):  # type: ignore[no-untyped-def]
    """Take the best window that is left; return its start, `NONE` when none is."""
    keys, least, block = ranking.keys, ranking.least, ranking.block
    noisy = ranking.slowness.shape[0] > 0
    while True:
        key = _least(least, 0, (row.high + block - 1) // block)
        if key == _GONE:
            return NONE
        start = key & _START
        keys[start] = _GONE
        begin = start // block * block
        rest = _least(keys, begin, min(begin + block, row.high))
        if noisy and not key & _EXACT:
            keys[start] = _exact_key(ranking, row, start)
            least[start // block] = min(rest, keys[start])
            continue
        least[start // block] = rest
        return start


@njit(nogil=True)
def _exact_key(ranking, row, start):  # type: ignore[no-untyped-def]
    codes = row.codes
    code, last = NO_CODE, last_code(ranking.k)
    for nucleotide in range(start, start + ranking.k):
        code = next_code(code, codes[nucleotide], last)
    time = -np.log(1.0 - number_at(row.word, start + 1)) * ranking.slowness[code]
    return _race_key(time, start) | _EXACT


@njit(nogil=True)
def _spend_on_windows(ranking, row, allowed, draw):  # type: ignore[no-untyped-def]
    """Hide windows, best first, until the budget is spent or as many as `allowed` are hidden.

    A window whose weight puts it back comes after all others.
    """
    late = row.late
    lates = 0
    while not row.spent and allowed > 0:
        start = _next_window(ranking, row)
        if start == NONE:
            break
        if row.weights.shape[0]:
            weight = unit_weight(row, start, start + ranking.k)
            if weight <= 0:
                continue
            if weight < 1 and next_number(row) >= weight:
                late[lates] = start
                lates += 1
                continue
        offer_interval(row, start, start + ranking.k, draw)
        allowed -= 1
    for order in range(lates):
        if row.spent or allowed == 0:
            break
        offer_interval(row, late[order], late[order] + ranking.k, draw)
        allowed -= 1


@njit(nogil=True)
def _new_ranking(k, ranks, by_position, slowness, size):  # type: ignore[no-untyped-def]
    block = int(np.sqrt(size)) + 1
    keys, least = np.empty(size, np.int64), np.empty(size // block + 1, np.int64)
    return Ranking(k, ranks, by_position, slowness, keys, least, block)


@njit(cache=True, nogil=True)
def select_global(arrays, rate, per_nucleotide, scores, units, mask):  # type: ignore[no-untyped-def]
    """Hide the windows of each row in order of score, best first.

    `scores` is the tuple of `k`, `ranks`, `by_position` and `slowness` of a `Ranking`; `units`, where it is
    not empty, says how many windows each row hides, whatever the budget.

    At temperature 0 the letters decide whether the unit that crosses the target is kept: the mask stays
    the same whenever the sequence is seen, and sizes are right on average over sequences.
    """
    row = new_row(arrays, per_nucleotide)
    k, ranks, by_position, slowness = scores
    ranking = _new_ranking(k, ranks, by_position, slowness, row.visible.shape[0])
    by_letters = slowness.shape[0] == 0 and not by_position
    for index in range(mask.shape[0]):
        open_row(row, arrays, index, mask, rate)
        allowed = _GONE
        if units.shape[0]:
            allowed, row.target = units[index], np.inf
        if not row.target > 0:
            continue
        _rank_windows(ranking, row)
        draw = number_at(_word_of_letters(row) if by_letters else row.word, 0)
        row.numbers = row.high + 2
        _spend_on_windows(ranking, row, allowed, draw)
        if not row.spent and units.shape[0] == 0:
            spend_on_items(row, 1, 0, draw)
