"""Drawing items without replacement: tokens, spans around nucleotides, or centres.

An item is the number of a token (length 0) or of a nucleotide. A random one is taken out of the pool, and the
last one of the pool moves into its place. An item of weight w < 1 is accepted with probability w and set
aside otherwise; one with an unknown letter is always set aside. What was set aside follows when the pool is
empty: first the items with a weight, then those with an unknown letter. An item of weight 0 is never drawn.

Worked example: the sequence ACGTn with weights 1, 1, 1/2, 0, 1 gives a pool of the nucleotides 0 to 4. The
number 0.5 takes nucleotide int(0.5 * 5) = 2, which is G; the pool becomes 0, 1, 4, 3. The next number, 0.7,
is not below G's weight, so that G is set aside. Then 0.1 takes nucleotide 0, A, which is hidden. When A and C
are taken, G follows, and n after it; T is never hidden.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dnamask_plugins.compiled import njit
from dnamask_plugins.strategies.kernels.row import next_number
from dnamask_plugins.strategies.kernels.spending import offer_interval, offer_tokens
from dnamask_plugins.streams import number_at

NONE: Final = -1
"""No item, or no window, is left."""

UNKNOWN_LETTER: Final = -1.0
"""Answer of `unit_weight` for a unit that has a positive weight and an unknown letter."""

LENGTH_SALT: Final = np.uint64(0x5851F42D4C957F2D)
"""Separates the stream of span lengths from that of the draws."""


@njit(nogil=True)
def unit_weight(row, start, stop):  # type: ignore[no-untyped-def]
    """Return the smallest weight in a unit; `UNKNOWN_LETTER` if that is positive but a letter unknown."""
    codes, weights = row.codes, row.weights
    known = True
    weight = 1.0
    for nucleotide in range(start, stop):
        if codes[nucleotide] > 3:
            known = False
        if weights.shape[0] and weights[nucleotide] < weight:
            weight = float(weights[nucleotide])
    return weight if known or weight <= 0 else UNKNOWN_LETTER


@njit(nogil=True)
def all_plain(row):  # type: ignore[no-untyped-def]
    """Say whether every nucleotide is known and has weight 1."""
    if row.weights.shape[0]:
        return False
    # An early return would keep this loop from being vectorised, and so would an index.
    unknown = False
    for code in row.codes[row.low : row.high]:
        unknown |= code > 3
    return not unknown


@njit(nogil=True)
def fill_pool(row, begin, end):  # type: ignore[no-untyped-def]
    """Put items begin..end-1 into the pool."""
    pool = row.pool
    row.remaining = max(end - begin, 0)
    row.lates = row.late_cursor = row.unknowns = row.unknown_cursor = 0
    for index in range(row.remaining):
        pool[index] = begin + index


@njit(nogil=True)
def _draw(row):  # type: ignore[no-untyped-def]
    """Take one of the items left, each as likely as the other."""
    pool = row.pool
    index = int(next_number(row) * row.remaining)
    item = pool[index]
    row.remaining -= 1
    pool[index] = pool[row.remaining]
    return item


@njit(nogil=True)
def next_item(row, length, longest, plain):  # type: ignore[no-untyped-def]
    """Draw the next item by its weight (see above); `NONE` when there is none."""
    while row.remaining > 0:
        item = _draw(row)
        if plain:
            return item
        start, stop = item_interval(row, item, length, longest)
        weight = unit_weight(row, start, stop)
        if weight == 1.0:
            return item
        if weight == UNKNOWN_LETTER:
            row.unknown[row.unknowns] = item
            row.unknowns += 1
        elif weight > 0:
            if next_number(row) < weight:
                return item
            row.late[row.lates] = item
            row.lates += 1
    if row.late_cursor < row.lates:
        row.late_cursor += 1
        return row.late[row.late_cursor - 1]
    if row.unknown_cursor < row.unknowns:
        row.unknown_cursor += 1
        return row.unknown[row.unknown_cursor - 1]
    return NONE


@njit(nogil=True)
def _span_length(word, item, length, longest):  # type: ignore[no-untyped-def]
    """Return the span length of an item: fixed, or geometric with mean `length`, cut at `longest`."""
    if longest == 0 or length == 1:
        return length
    draw = number_at(word ^ LENGTH_SALT, item)
    return min(longest, 1 + int(np.log(1.0 - draw) / np.log(1.0 - 1.0 / length)))


@njit(nogil=True)
def item_interval(row, item, length, longest):  # type: ignore[no-untyped-def]
    """Return the nucleotides of an item: a token (length 0), or a span around a nucleotide."""
    if length == 0:
        return row.start[item], row.stop[item]
    size = _span_length(row.word, item, length, longest)
    start = item - (size - 1) // 2
    return max(start, row.low), min(start + size, row.high)


@njit(nogil=True)
def spend_on_items(row, length, longest, draw):  # type: ignore[no-untyped-def]
    """Draw tokens (length 0) or spans until the budget is spent."""
    if length == 0:
        fill_pool(row, 0, row.tokens)
    else:
        fill_pool(row, row.low, row.high)
    plain = all_plain(row)
    while not row.spent:
        item = _draw(row) if plain and row.remaining > 0 else next_item(row, length, longest, plain)
        if item == NONE:
            return
        if length == 0:
            offer_tokens(row, item, item + 1, draw)
        else:
            start, stop = item_interval(row, item, length, longest)
            offer_interval(row, start, stop, draw)
