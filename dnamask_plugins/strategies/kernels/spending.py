"""Hiding nucleotides and THE budget rule, which every exact budget follows.

Worked example: 20 maskable tokens at a rate of 0.3 make a target of 6. Three units mask 2, 3 and 3 tokens.
The first two fit (2, then 5). The third would make 8; it is kept when number 0 of the example's stream is
below (6 - 5) / 3, so that 5 comes out two times of three and 8 once: 6 on average.
"""

from __future__ import annotations

from dnamask_plugins.compiled import njit
from dnamask_plugins.strategies.kernels.row import tokens_over


@njit(nogil=True)
def hide_tokens(row, begin, end):  # type: ignore[no-untyped-def]
    """Mask tokens begin..end-1 and return what the budget gains; the newly masked ones are on the stack."""
    mask, column, stack = row.mask, row.column, row.stack
    taken = 0
    for token in range(begin, end):
        if not mask[column[token]]:
            mask[column[token]] = True
            stack[taken] = token
            taken += 1
    row.taken = taken
    return _lose_sight(row) if row.per_nucleotide else taken


@njit(nogil=True)
def _lose_sight(row):  # type: ignore[no-untyped-def]
    """Take the tokens on the stack out of sight; return how many nucleotides nothing shows any more."""
    visible, stack, start, stop = row.visible, row.stack, row.start, row.stop
    hidden = 0
    for index in range(row.taken):
        for nucleotide in range(start[stack[index]], stop[stack[index]]):
            visible[nucleotide] -= 1
            hidden += visible[nucleotide] == 0
    return hidden


@njit(nogil=True)
def _show_again(row):  # type: ignore[no-untyped-def]
    """Take the last unit back."""
    mask, column, stack = row.mask, row.column, row.stack
    visible, start, stop = row.visible, row.start, row.stop
    for index in range(row.taken):
        token = stack[index]
        mask[column[token]] = False
        if row.per_nucleotide:
            for nucleotide in range(start[token], stop[token]):
                visible[nucleotide] += 1


@njit(nogil=True)
def offer_tokens(row, begin, end, draw):  # type: ignore[no-untyped-def]
    """Mask a range of tokens if the budget allows it; return True once the budget is spent.

    The unit that crosses the target is kept with probability (target - done) / gain, so that the expected
    size is the target whatever the units are. `draw` is the number in [0, 1) that decides.
    """
    gain = hide_tokens(row, begin, end)
    if row.done + gain > row.target:
        if draw * gain >= row.target - row.done:
            _show_again(row)
        else:
            row.done += gain
        row.spent = True
    else:
        row.done += gain
        row.spent = row.done >= row.target
    return row.spent


@njit(nogil=True)
def offer_interval(row, start, stop, draw):  # type: ignore[no-untyped-def]
    """Offer every token that shows a nucleotide of [start, stop)."""
    start, stop = max(start, row.low), min(stop, row.high)
    if start >= stop:
        return row.spent
    begin, end = tokens_over(row, start, stop)
    return offer_tokens(row, begin, end, draw)


@njit(nogil=True)
def mean_gain(row, short, long):  # type: ignore[no-untyped-def]
    """Return what hiding a unit adds, on average over the row; half of the units are `short`, half `long`.

    With c tokens over a nucleotide and r tokens a nucleotide, hiding l neighbouring nucleotides masks
    c + (l - 1) r tokens; their neighbours still show all but 1 / r + l - 1 nucleotides. For 6-mers c = 6 and
    r is nearly 1: hiding one nucleotide masks 6 tokens, hiding six of them 11.
    """
    nucleotides = max(row.covered, 1)
    tokens_per_nucleotide = row.tokens / nucleotides
    if row.per_nucleotide:
        lone = max(1 / tokens_per_nucleotide, 1.0)
        return ((lone + short - 1) + (lone + long - 1)) / 2
    flat = row.offsets.reshape(-1)
    shown = 0
    for token in range(row.tokens):
        shown += flat[2 * token + 1] - flat[2 * token]
    lone = shown / nucleotides
    return ((lone + (short - 1) * tokens_per_nucleotide) + (lone + (long - 1) * tokens_per_nucleotide)) / 2


@njit(nogil=True)
def center_rate_of(row, rate, short, long):  # type: ignore[no-untyped-def]
    """Return the centres per nucleotide that spend the budget, if units did not overlap."""
    target = rate * (row.covered if row.per_nucleotide else row.tokens)
    return target / mean_gain(row, short, long) / max(row.covered, 1)
