"""The loops behind every strategy, compiled: hiding, the budget rule, drawing, and the selections.

They share one file because numba's cache notices a change in the file of a compiled function, but not in
the files of the functions that it calls.

A row is seen as its maskable tokens 0..T-1 in order. Offsets never decrease, so the tokens that show some
nucleotide of [a, b) are neighbours: hiding an interval is masking a range of tokens.

Number j of an example's stream is ``mix64(word + (j + 1) * GAMMA)``, as in `rng`. Number 0 decides about the
unit that crosses the target; the others are drawn in order.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from dnamask_plugins.compiled import njit
from dnamask_plugins.rng import GAMMA, ONE, TO_UNIT, mix64

_11: Final = np.uint64(11)
_LENGTH_SALT: Final = np.uint64(0x5851F42D4C957F2D)
_mix64: Any = njit(inline="always")(mix64)

# Lines of the workspace, which serves one row of the batch at a time. One array, because numba counts a
# reference for each array that is passed on, and there are many calls a row.
_COLUMN: Final = 0  # token -> column of the batch
_START: Final = 1  # token -> first nucleotide
_STOP: Final = 2
_VISIBLE: Final = 3  # nucleotide -> tokens that still show it; kept when the budget counts nucleotides
_STACK: Final = 4  # tokens that the unit at hand masked
_POOL: Final = 5  # items not drawn yet; from the end, those put off
_UNKNOWN: Final = 6  # items that touch an unknown letter
_TALLY: Final = 7  # whole numbers that change while a row is worked on:
_LINES: Final = 8

_TOKENS: Final = 0
_LOW: Final = 1
_HIGH: Final = 2
_DONE: Final = 3
_SPENT: Final = 4
_NUMBERS: Final = 5
_REMAINING: Final = 6
_DEFERRED: Final = 7
_UNKNOWNS: Final = 8
_TAKEN: Final = 9
_COVERED: Final = 10
_SLOTS: Final = 11

# A window in the ranking: its order in the high bits, where it starts in the low ones; the bit between says
# that the order is exact and not a lower bound.
_POSITION_BITS: Final = 31
_EXACT: Final = 1 << (_POSITION_BITS - 1)
_POSITION: Final = _EXACT - 1
_ORDER: Final = ~((1 << _POSITION_BITS) - 1)
_GONE: Final = np.iinfo(np.int64).max

# Answers of _next_item and of _unit_weight.
_NONE: Final = -1
_UNKNOWN_LETTER: Final = -1.0

_HIGH_SET_MINIMUM: Final = 5
"""GeneMask widens every centre when the better half would hold fewer than this."""


@njit(nogil=True)
def _workspace(tokens, nucleotides):  # type: ignore[no-untyped-def]
    return np.empty((_LINES, max(tokens + 1, nucleotides + 1, _SLOTS)), np.int32)


@njit(nogil=True)
def _open_row(work, offsets, special, size, per_nucleotide):  # type: ignore[no-untyped-def]
    """List the maskable tokens; count for each nucleotide the tokens that show it, where that is wanted."""
    tokens = high = covered = reach = 0
    low = work.shape[1]
    for column in range(special.shape[0]):
        # A tokenizer's faulty offset must not reach outside the arrays.
        stop = min(max(offsets[column, 1], 0), size)
        start = min(max(offsets[column, 0], 0), stop)
        if stop > start:
            # What only an unknown token shows belongs to the sequence, though it cannot be hidden.
            low, high = min(low, start), max(high, stop)
        if not special[column]:
            work[_COLUMN, tokens] = column
            work[_START, tokens] = start
            work[_STOP, tokens] = stop
            covered += max(stop - max(start, reach), 0)
            reach = max(reach, stop)
            tokens += 1
    work[_TALLY, :_SLOTS] = 0
    work[_TALLY, _NUMBERS] = 1
    if tokens == 0:
        return
    work[_TALLY, _TOKENS], work[_TALLY, _COVERED] = tokens, covered
    work[_TALLY, _LOW], work[_TALLY, _HIGH] = low, high
    if per_nucleotide:
        work[_VISIBLE, low:high] = 0
        for token in range(tokens):
            for nucleotide in range(work[_START, token], work[_STOP, token]):
                work[_VISIBLE, nucleotide] += 1


@njit(nogil=True)
def _tokens_over(work, start, stop):  # type: ignore[no-untyped-def]
    """Return the range of tokens that show a nucleotide of [start, stop)."""
    tokens, low, high = work[_TALLY, _TOKENS], work[_TALLY, _LOW], work[_TALLY, _HIGH]
    # Nearly right at once for tokens of one length; faster than finding out for every nucleotide beforehand.
    begin = (start - low) * tokens // (high - low)
    while begin > 0 and work[_STOP, begin - 1] > start:
        begin -= 1
    while begin < tokens and work[_STOP, begin] <= start:
        begin += 1
    end = begin
    while end < tokens and work[_START, end] < stop:
        end += 1
    return begin, end


@njit(nogil=True)
def _target(work, rate, per_nucleotide):  # type: ignore[no-untyped-def]
    """Return what the budget asks for: tokens, or nucleotides that no visible token shows."""
    return rate * work[_TALLY, _COVERED if per_nucleotide else _TOKENS]


@njit(nogil=True)
def _mean_gain(work, length, per_nucleotide):  # type: ignore[no-untyped-def]
    """Return what hiding `length` neighbouring nucleotides adds, on average over the row.

    With c tokens over a nucleotide and r tokens a nucleotide, it masks c + (length - 1) r tokens; their
    neighbours still show all but 1 / r + length - 1 nucleotides.
    """
    nucleotides = max(work[_TALLY, _COVERED], 1)
    tokens_per_nucleotide = work[_TALLY, _TOKENS] / nucleotides
    if per_nucleotide:
        return max(1 / tokens_per_nucleotide, 1.0) + length - 1
    shown = 0
    for token in range(work[_TALLY, _TOKENS]):
        shown += work[_STOP, token] - work[_START, token]
    return shown / nucleotides + (length - 1) * tokens_per_nucleotide


@njit(nogil=True)
def _number(work, word):  # type: ignore[no-untyped-def]
    """Draw the next number of the example's stream, in [0, 1)."""
    work[_TALLY, _NUMBERS] += 1
    return (_mix64(word + np.uint64(work[_TALLY, _NUMBERS]) * GAMMA) >> _11) * TO_UNIT


@njit(nogil=True)
def _number_of(word, index):  # type: ignore[no-untyped-def]
    """Return number `index` of a stream, in [0, 1)."""
    return (_mix64(word + (np.uint64(index) + ONE) * GAMMA) >> _11) * TO_UNIT


@njit(nogil=True)
def _hide_tokens(work, mask, begin, end, per_nucleotide):  # type: ignore[no-untyped-def]
    """Mask tokens begin..end-1 and return the gain; the newly masked ones are on the stack."""
    taken = hidden = 0
    for token in range(begin, end):
        if mask[work[_COLUMN, token]]:
            continue
        mask[work[_COLUMN, token]] = True
        work[_STACK, taken] = token
        taken += 1
        if per_nucleotide:
            for nucleotide in range(work[_START, token], work[_STOP, token]):
                work[_VISIBLE, nucleotide] -= 1
                if work[_VISIBLE, nucleotide] == 0:
                    hidden += 1
    work[_TALLY, _TAKEN] = taken
    return hidden if per_nucleotide else taken


@njit(nogil=True)
def _show_again(work, mask, per_nucleotide):  # type: ignore[no-untyped-def]
    """Take the last unit back."""
    for index in range(work[_TALLY, _TAKEN]):
        token = work[_STACK, index]
        mask[work[_COLUMN, token]] = False
        if per_nucleotide:
            for nucleotide in range(work[_START, token], work[_STOP, token]):
                work[_VISIBLE, nucleotide] += 1


@njit(nogil=True)
def _offer(work, mask, begin, end, target, coin, per_nucleotide):  # type: ignore[no-untyped-def]
    """Hide a range of tokens if the budget allows it: THE budget rule; return True once the budget is spent.

    The unit that crosses the target is kept with probability (target - count) / gain, so that the expected
    size is the target whatever the units are; of GLOBAL, the coin may be one that belongs to the sequence.
    """
    gain = _hide_tokens(work, mask, begin, end, per_nucleotide)
    if work[_TALLY, _DONE] + gain > target:
        if coin * gain >= target - work[_TALLY, _DONE]:
            _show_again(work, mask, per_nucleotide)
        else:
            work[_TALLY, _DONE] += gain
        work[_TALLY, _SPENT] = 1
    else:
        work[_TALLY, _DONE] += gain
        work[_TALLY, _SPENT] = work[_TALLY, _DONE] >= target
    return work[_TALLY, _SPENT] == 1


@njit(nogil=True)
def _offer_interval(work, mask, start, stop, target, coin, per_nucleotide):  # type: ignore[no-untyped-def]
    """Offer every token that shows a nucleotide of [start, stop)."""
    start, stop = max(start, work[_TALLY, _LOW]), min(stop, work[_TALLY, _HIGH])
    if start >= stop:
        return work[_TALLY, _SPENT] == 1
    begin, end = _tokens_over(work, start, stop)
    return _offer(work, mask, begin, end, target, coin, per_nucleotide)


@njit(nogil=True)
def _unit_weight(codes, weights, start, stop):  # type: ignore[no-untyped-def]
    """Return the smallest weight in a unit; _UNKNOWN_LETTER if only an unknown letter speaks against it."""
    known = True
    weight = 1.0
    for nucleotide in range(start, stop):
        if codes[nucleotide] > 3:
            known = False
        if weights.shape[0] and weights[nucleotide] < weight:
            weight = float(weights[nucleotide])
    return weight if known or weight <= 0 else _UNKNOWN_LETTER


@njit(nogil=True)
def _fill_pool(work, begin, end):  # type: ignore[no-untyped-def]
    work[_TALLY, _REMAINING] = max(end - begin, 0)
    work[_TALLY, _DEFERRED] = work[_TALLY, _UNKNOWNS] = 0
    for index in range(work[_TALLY, _REMAINING]):
        work[_POOL, index] = begin + index


@njit(nogil=True)
def _span_length(word, item, length, longest):  # type: ignore[no-untyped-def]
    """Return the span length of an item: fixed, or geometric with mean `length`, cut at `longest`."""
    if longest == 0 or length == 1:
        return length
    draw = _number_of(word ^ _LENGTH_SALT, item)
    return min(longest, 1 + int(np.log(1.0 - draw) / np.log(1.0 - 1.0 / length)))


@njit(nogil=True)
def _item_interval(work, word, item, length, longest):  # type: ignore[no-untyped-def]
    """Return the nucleotides of an item: a token (length 0), or a span around a nucleotide."""
    if length == 0:
        return work[_START, item], work[_STOP, item]
    size = _span_length(word, item, length, longest)
    start = item - (size - 1) // 2
    return max(start, work[_TALLY, _LOW]), min(start + size, work[_TALLY, _HIGH])


@njit(nogil=True)
def _draw(work, word):  # type: ignore[no-untyped-def]
    """Take one of the items left, each as likely as the other."""
    index = int(_number(work, word) * work[_TALLY, _REMAINING])
    item = work[_POOL, index]
    work[_TALLY, _REMAINING] -= 1
    work[_POOL, index] = work[_POOL, work[_TALLY, _REMAINING]]
    return item


@njit(nogil=True)
def _next_item(work, word, codes, weights, length, longest, plain):  # type: ignore[no-untyped-def]
    """Draw one of the items left, each as likely as the other; _NONE when there is none.

    An item of weight below 1 is put off with the matching probability, one with an unknown letter always.
    Both come up when all others are used; an item of weight 0 never does.
    """
    while work[_TALLY, _REMAINING] > 0:
        item = _draw(work, word)
        if plain:
            return item
        start, stop = _item_interval(work, word, item, length, longest)
        weight = _unit_weight(codes, weights, start, stop)
        if weight == 1.0:
            return item
        if weight == _UNKNOWN_LETTER:
            work[_UNKNOWN, work[_TALLY, _UNKNOWNS]] = item
            work[_TALLY, _UNKNOWNS] += 1
        elif weight > 0:
            if _number(work, word) < weight:
                return item
            # Drawing frees pool slots from the end, at least as many as are put off.
            work[_TALLY, _DEFERRED] += 1
            work[_POOL, work.shape[1] - work[_TALLY, _DEFERRED]] = item
    if work[_TALLY, _REMAINING] == 0:
        work[_TALLY, _REMAINING] = -1
    put_off = -1 - work[_TALLY, _REMAINING]
    if put_off < work[_TALLY, _DEFERRED]:
        work[_TALLY, _REMAINING] -= 1
        return work[_POOL, work.shape[1] - 1 - put_off]
    put_off -= work[_TALLY, _DEFERRED]
    if put_off < work[_TALLY, _UNKNOWNS]:
        work[_TALLY, _REMAINING] -= 1
        return work[_UNKNOWN, put_off]
    return _NONE


@njit(nogil=True)
def _all_plain(codes, weights, low, high):  # type: ignore[no-untyped-def]
    """Say whether every nucleotide is known and has weight 1."""
    if weights.shape[0]:
        return False
    # An early return would keep this loop from being vectorised.
    unknown = 0
    for nucleotide in range(low, high):
        unknown += codes[nucleotide] > 3
    return unknown == 0


@njit(nogil=True)
def _spend_on_items(  # type: ignore[no-untyped-def]
    work, mask, word, codes, weights, length, longest, target, coin, per_nucleotide
):
    """Draw tokens (length 0) or spans until the budget is spent."""
    if length == 0:
        _fill_pool(work, 0, work[_TALLY, _TOKENS])
    else:
        _fill_pool(work, work[_TALLY, _LOW], work[_TALLY, _HIGH])
    plain = _all_plain(codes, weights, work[_TALLY, _LOW], work[_TALLY, _HIGH])
    while work[_TALLY, _SPENT] == 0:
        if plain and work[_TALLY, _REMAINING] > 0:
            item = _draw(work, word)
        else:
            item = _next_item(work, word, codes, weights, length, longest, plain)
        if item == _NONE:
            return
        if length == 0:
            _offer(work, mask, item, item + 1, target, coin, per_nucleotide)
        else:
            start, stop = _item_interval(work, word, item, length, longest)
            _offer_interval(work, mask, start, stop, target, coin, per_nucleotide)


@njit(nogil=True)
def _weights_of(weights, index):  # type: ignore[no-untyped-def]
    """Return the weights of a row; an empty array stands for 1 everywhere."""
    return weights[min(index, weights.shape[0] - 1)]


@njit(cache=True, nogil=True)
def select_items(  # type: ignore[no-untyped-def]
    offsets,
    special,
    nucleotides,
    weights,
    words,
    rate,
    per_nucleotide,
    exact,
    length,
    longest,
    center_rate,
    mask,
):
    """Random tokens (length 0) or random spans; `longest` > 0 makes span lengths geometric."""
    rows, width = special.shape
    size = nucleotides.shape[1]
    work = _workspace(width, size)
    for index in range(rows):
        word, codes, weight = words[index], nucleotides[index], _weights_of(weights, index)
        _open_row(work, offsets[index], special[index], size, per_nucleotide)
        if work[_TALLY, _TOKENS] == 0:
            continue
        if exact:
            target = _target(work, rate, per_nucleotide)
            if target > 0:
                _spend_on_items(
                    work,
                    mask[index],
                    word,
                    codes,
                    weight,
                    length,
                    longest,
                    target,
                    _number_of(word, 0),
                    per_nucleotide,
                )
            continue
        chance = center_rate
        if chance < 0:
            chance = rate if length == 0 else _center_rate(work, rate, length, length, per_nucleotide)
        low, high = (0, work[_TALLY, _TOKENS]) if length == 0 else (work[_TALLY, _LOW], work[_TALLY, _HIGH])
        for item in range(low, high):
            if _number(work, word) < chance:
                start, stop = _item_interval(work, word, item, length, longest)
                kept = _unit_weight(codes, weight, start, stop)
                if kept == 1.0 or (kept > 0 and _number(work, word) < kept):
                    if length == 0:
                        mask[index, work[_COLUMN, item]] = True
                    else:
                        begin, end = _tokens_over(work, start, stop)
                        _hide_tokens(work, mask[index], begin, end, False)


@njit(nogil=True)
def _center_rate(work, rate, short, long, per_nucleotide):  # type: ignore[no-untyped-def]
    """Return the centres per nucleotide that spend the budget, if units did not overlap."""
    nucleotides = max(work[_TALLY, _COVERED], 1)
    gain = (_mean_gain(work, short, per_nucleotide) + _mean_gain(work, long, per_nucleotide)) / 2
    return _target(work, rate, per_nucleotide) / gain / nucleotides


@njit(nogil=True)
def _position_rank(start, ranks):  # type: ignore[no-untyped-def]
    """Return the rank that the released programs take for the window at `start`."""
    return ranks[start] if start < ranks.shape[0] else 0


@njit(nogil=True)
def _best_window(work, codes, weights, center, k, ranks, by_position):  # type: ignore[no-untyped-def]
    """Return rank and start of the best-scored window over a centre; (-1, _NONE) without one.

    Ties go to the window with the centre in its middle, then to the leftmost.
    """
    best_rank, best_start = -1, _NONE
    middle = center - k // 2
    leftmost = max(center - k + 1, work[_TALLY, _LOW])
    end = min(center + k, work[_TALLY, _HIGH])
    code = known = 0
    for nucleotide in range(leftmost, end):
        if codes[nucleotide] > 3:
            code = known = 0
        else:
            code = (4 * code + codes[nucleotide]) & (4**k - 1)
            known += 1
        start = nucleotide + 1 - k
        if start < leftmost:
            continue
        rank = ranks[code] if known >= k else -1
        if by_position:
            rank = _position_rank(start, ranks)
        if rank < best_rank or (rank == best_rank and start != middle) or rank < 0:
            continue
        if weights.shape[0] and _unit_weight(codes, weights, start, start + k) <= 0:
            continue
        best_rank, best_start = rank, start
    return best_rank, best_start


@njit(nogil=True)
def _in_high_set(window_ranks, count, high):  # type: ignore[no-untyped-def]
    """Mark the better half of the centres (`high`) and return the lowest rank in it.

    Ties go to the centre drawn earlier. Few centres: all of them.
    """
    wanted = (count + 1) // 2
    if wanted < _HIGH_SET_MINIMUM:
        wanted = count
    lowest = np.iinfo(np.int64).max
    for index in range(count):
        better = 0
        for other in range(count):
            ahead = window_ranks[other] > window_ranks[index]
            if ahead or (window_ranks[other] == window_ranks[index] and other < index):
                better += 1
        high[index] = better < wanted
        if high[index] and window_ranks[index] < lowest:
            lowest = window_ranks[index]
    return lowest


@njit(nogil=True)
def _gene_unit(work, word, codes, weights, center, window, k, high):  # type: ignore[no-untyped-def]
    """Return what hiding a centre hides: its best window if it is high, else itself.

    Given that the centre was kept, the window is kept with the chance that makes the product its own weight.
    """
    if not high or window == _NONE:
        return center, center + 1
    if weights.shape[0]:
        own = _unit_weight(codes, weights, center, center + 1)
        whole = _unit_weight(codes, weights, window, window + k)
        if whole < own and _number(work, word) * own >= whole:
            return center, center + 1
    return window, window + k


@njit(cache=True, nogil=True)
def select_genemask(  # type: ignore[no-untyped-def]
    offsets, special, nucleotides, weights, words, rate, per_nucleotide, k, ranks, by_position, mask
):
    """GeneMask with an exact budget."""
    rows, width = special.shape
    size = nucleotides.shape[1]
    work = _workspace(width, size)
    centers, windows = np.empty(size, np.int64), np.empty(size, np.int64)
    window_ranks, high = np.empty(size, np.int64), np.empty(size, np.bool_)
    for index in range(rows):
        word, codes, weight = words[index], nucleotides[index], _weights_of(weights, index)
        _open_row(work, offsets[index], special[index], size, per_nucleotide)
        target = _target(work, rate, per_nucleotide)
        if not target > 0:
            continue
        coin = _number_of(word, 0)
        gain = (_mean_gain(work, 1, per_nucleotide) + _mean_gain(work, k, per_nucleotide)) / 2
        wanted = max(int(target / gain + 0.5), 1)
        _fill_pool(work, work[_TALLY, _LOW], work[_TALLY, _HIGH])
        plain = _all_plain(codes, weight, work[_TALLY, _LOW], work[_TALLY, _HIGH])
        count = 0
        while count < wanted:
            center = _next_item(work, word, codes, weight, 1, 0, plain)
            if center == _NONE:
                break
            centers[count] = center
            window_ranks[count], windows[count] = _best_window(
                work, codes, weight, center, k, ranks, by_position
            )
            count += 1
        lowest = _in_high_set(window_ranks, count, high)
        for drawn in range(count):
            start, stop = _gene_unit(
                work, word, codes, weight, centers[drawn], windows[drawn], k, high[drawn]
            )
            if _offer_interval(work, mask[index], start, stop, target, coin, per_nucleotide):
                break
        while work[_TALLY, _SPENT] == 0:
            center = _next_item(work, word, codes, weight, 1, 0, plain)
            if center == _NONE:
                break
            rank, window = _best_window(work, codes, weight, center, k, ranks, by_position)
            start, stop = _gene_unit(work, word, codes, weight, center, window, k, rank >= lowest)
            _offer_interval(work, mask[index], start, stop, target, coin, per_nucleotide)


@njit(cache=True, nogil=True)
def draw_centers(  # type: ignore[no-untyped-def]
    offsets, special, nucleotides, weights, words, rate, per_nucleotide, short, long, center_rate
):
    """Draw every nucleotide as a centre independently; bool (B, N)."""
    rows, width = special.shape
    size = nucleotides.shape[1]
    work = _workspace(width, size)
    drawn = np.zeros((rows, size), np.bool_)
    for index in range(rows):
        word, weight = words[index], _weights_of(weights, index)
        _open_row(work, offsets[index], special[index], size, per_nucleotide)
        if work[_TALLY, _TOKENS] == 0:
            continue
        chance = center_rate if center_rate >= 0 else _center_rate(work, rate, short, long, per_nucleotide)
        for nucleotide in range(work[_TALLY, _LOW], work[_TALLY, _HIGH]):
            if _number(work, word) < chance:
                kept = _unit_weight(nucleotides[index], weight, nucleotide, nucleotide + 1)
                drawn[index, nucleotide] = kept == 1.0 or (kept > 0 and _number(work, word) < kept)
    return drawn


@njit(cache=True, nogil=True)
def genemask_of_centers(  # type: ignore[no-untyped-def]
    offsets, special, nucleotides, weights, words, centers, k, ranks, by_position, mask
):
    """GeneMask's rule for given centres, bool (B, N), without a budget."""
    rows, width = special.shape
    size = nucleotides.shape[1]
    work = _workspace(width, size)
    chosen, windows = np.empty(size, np.int64), np.empty(size, np.int64)
    window_ranks, high = np.empty(size, np.int64), np.empty(size, np.bool_)
    for index in range(rows):
        word, codes, weight = words[index] ^ _LENGTH_SALT, nucleotides[index], _weights_of(weights, index)
        _open_row(work, offsets[index], special[index], size, False)
        count = 0
        for center in range(work[_TALLY, _LOW], work[_TALLY, _HIGH]):
            if centers[index, center]:
                chosen[count] = center
                window_ranks[count], windows[count] = _best_window(
                    work, codes, weight, center, k, ranks, by_position
                )
                count += 1
        _in_high_set(window_ranks, count, high)
        for drawn in range(count):
            start, stop = _gene_unit(work, word, codes, weight, chosen[drawn], windows[drawn], k, high[drawn])
            begin, end = _tokens_over(work, start, stop)
            _hide_tokens(work, mask[index], begin, end, False)


@njit(nogil=True)
def _least(keys, begin, end):  # type: ignore[no-untyped-def]
    least = _GONE
    for index in range(begin, end):
        least = min(least, keys[index])
    return least


@njit(nogil=True)
def _race_key(time, start):  # type: ignore[no-untyped-def]
    """Return the key of a window that arrives at `time` > 0: floats above 0 sort as their bits do."""
    return (np.float64(time).view(np.int64) & _ORDER) | start


@njit(nogil=True)
def _take_least(keys, count, least_of_block, block):  # type: ignore[no-untyped-def]
    """Take the smallest key out; _GONE when none is left.

    Few of the windows are ever taken, so sorting them or making a heap costs more than keeping the least of
    each block.
    """
    blocks = (count + block - 1) // block
    least = _least(least_of_block, 0, blocks)
    if least == _GONE:
        return _GONE
    index = least & _POSITION
    keys[index] = _GONE
    begin = index // block * block
    least_of_block[index // block] = _least(keys, begin, min(begin + block, count))
    return least


@njit(cache=True, nogil=True)
def select_global(  # type: ignore[no-untyped-def]
    offsets,
    special,
    nucleotides,
    weights,
    words,
    rate,
    per_nucleotide,
    k,
    ranks,
    by_position,
    slowness,
    units,
    mask,
):
    """Hide the windows of the row in order of score, best first.

    `slowness` is empty at temperature 0; otherwise it holds exp(-score / temperature) by k-mer, and the
    order is that of a race: unit i arrives after an exponential time divided by exp(score / temperature),
    the same as sorting score / temperature + Gumbel noise at one logarithm a unit.
    `units` >= 0 hides that many per row and asks for no budget.

    At temperature 0 the letters decide whether the unit that crosses the target is kept: the mask stays
    the same whenever the sequence is seen, and sizes are right on average over sequences.
    """
    rows, width = special.shape
    size = nucleotides.shape[1]
    work = _workspace(width, size)
    keys, late = np.empty(size, np.int64), np.empty(size, np.int32)
    block = int(np.sqrt(size)) + 1
    least_of_block = np.empty(size // block + 1, np.int64)
    worst = 4**k
    for index in range(rows):
        word, codes, weight = words[index], nucleotides[index], _weights_of(weights, index)
        _open_row(work, offsets[index], special[index], size, per_nucleotide)
        target = _target(work, rate, per_nucleotide)
        allowed = np.iinfo(np.int64).max
        if units.shape[0]:
            allowed, target = units[index], np.inf
        if not target > 0:
            continue
        coin = _number_of(word, 0)
        letters = ONE
        code = run = 0
        keys[: work[_TALLY, _HIGH]] = _GONE
        for nucleotide in range(work[_TALLY, _LOW], work[_TALLY, _HIGH]):
            letters = letters * GAMMA + np.uint64(codes[nucleotide])
            if codes[nucleotide] > 3:
                run = code = 0
                continue
            code = (4 * code + codes[nucleotide]) & (worst - 1)
            run += 1
            if run < k:
                continue
            start = nucleotide + 1 - k
            rank = _position_rank(start, ranks) if by_position else ranks[code]
            if rank < 0:
                continue
            if slowness.shape[0]:
                # -ln(1 - u) is at least u: the logarithm is taken only of windows that come up.
                keys[start] = _race_key(_number_of(word, start + 1) * slowness[code], start)
            else:
                keys[start] = ((worst - rank) << _POSITION_BITS) | start
        if slowness.shape[0] == 0 and not by_position:
            coin = _number_of(letters, 0)
        for number in range((work[_TALLY, _HIGH] + block - 1) // block):
            begin = number * block
            least_of_block[number] = _least(keys, begin, min(begin + block, work[_TALLY, _HIGH]))
        work[_TALLY, _NUMBERS] = work[_TALLY, _HIGH] + 2
        put_off = 0
        while work[_TALLY, _SPENT] == 0 and allowed > 0:
            least = _take_least(keys, work[_TALLY, _HIGH], least_of_block, block)
            if least == _GONE:
                break
            start = least & _POSITION
            if slowness.shape[0] and not least & _EXACT:
                draw = _number_of(word, start + 1)
                code = 0
                for nucleotide in range(start, start + k):
                    code = 4 * code + codes[nucleotide]
                keys[start] = _race_key(-np.log(1.0 - draw) * slowness[code], start) | _EXACT
                least_of_block[start // block] = min(least_of_block[start // block], keys[start])
                continue
            if weight.shape[0]:
                kept = _unit_weight(codes, weight, start, start + k)
                if kept <= 0:
                    continue
                if kept < 1 and _number(work, word) >= kept:
                    late[put_off] = start
                    put_off += 1
                    continue
            _offer_interval(work, mask[index], start, start + k, target, coin, per_nucleotide)
            allowed -= 1
        for order in range(put_off):
            if work[_TALLY, _SPENT] == 1 or allowed == 0:
                break
            _offer_interval(work, mask[index], late[order], late[order] + k, target, coin, per_nucleotide)
            allowed -= 1
        if work[_TALLY, _SPENT] == 0 and units.shape[0] == 0:
            _spend_on_items(work, mask[index], word, codes, weight, 1, 0, target, coin, per_nucleotide)


@njit(cache=True, nogil=True)
def select_units(  # type: ignore[no-untyped-def]
    offsets, special, codes, weights, word, rate, per_nucleotide, intervals, more_to_come, fill, mask
):
    """Hide given intervals, (M, 2), of one row in order; return True when no further interval is needed."""
    work = _workspace(special.shape[0], codes.shape[0])
    _open_row(work, offsets, special, codes.shape[0], per_nucleotide)
    target = _target(work, rate, per_nucleotide)
    if not target > 0:
        return True
    coin = _number_of(word, 0)
    late = np.empty(intervals.shape[0], np.int64)
    unknown = np.empty(intervals.shape[0], np.int64)
    put_off = unknowns = 0
    for unit in range(intervals.shape[0]):
        start, stop = (
            max(intervals[unit, 0], work[_TALLY, _LOW]),
            min(intervals[unit, 1], work[_TALLY, _HIGH]),
        )
        weight = _unit_weight(codes, weights, start, stop)
        if weight == _UNKNOWN_LETTER:
            unknown[unknowns] = unit
            unknowns += 1
        elif weight > 0:
            if weight < 1 and _number_of(word, unit + 1) >= weight:
                late[put_off] = unit
                put_off += 1
            elif _offer_interval(work, mask, start, stop, target, coin, per_nucleotide):
                return True
    if more_to_come:
        return False
    for order in range(put_off + unknowns):
        unit = late[order] if order < put_off else unknown[order - put_off]
        if _offer_interval(work, mask, intervals[unit, 0], intervals[unit, 1], target, coin, per_nucleotide):
            return True
    if fill:
        work[_TALLY, _NUMBERS] = intervals.shape[0] + 2
        _spend_on_items(work, mask, word, codes, weights, 1, 0, target, coin, per_nucleotide)
    return True
