"""The row that a kernel is working on: its maskable tokens, the mask so far, and the numbers drawn.

Of "ACGTAC" in overlapping 3-mers, [CLS] ACG CGT GTA TAC [SEP], a `Row` sees four tokens:

    token   0 (ACG)  1 (CGT)  2 (GTA)  3 (TAC)
    column  1        2        3        4          place in the batch; [CLS] and [SEP] are left out
    start   0        1        2        3          first nucleotide
    stop    3        4        5        6          after the last one

Offsets never decrease along a row, so the tokens that show a nucleotide of an interval are neighbours: hiding
nucleotide 2 (G) means masking tokens 0, 1 and 2.

Number j of an example's stream is ``mix64(word + (j + 1) * GAMMA)``, as in `rng`. Number 0 decides about the
unit that crosses the target; the others are drawn in order.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import types
from numba.experimental import structref

from dnamask_plugins.compiled import njit
from dnamask_plugins.rng import GAMMA, ONE, TO_UNIT, mix64

_11: Final = np.uint64(11)
_mix64: Any = njit(inline="always")(mix64)


@structref.register
class RowType(types.StructRef):  # type: ignore[misc]
    """How numba sees a `Row`."""

    def preprocess_fields(self, fields: Any) -> Any:
        """Forget that a field was made from a constant."""
        return tuple((name, types.unliteral(kind)) for name, kind in fields)


class Row(structref.StructRefProxy):  # type: ignore[misc]
    """What a kernel knows of the row at hand; made once a batch and filled again for each row.

    Attributes
    ----------
    word : uint64
        Key of the example.
    codes : uint8 array, shape (N,)
        Letters: A C G T = 0 1 2 3, 4 and above unknown.
    weights : float32 array, shape (N,)
        Keep-probabilities; empty when all are 1.
    mask : bool array, shape (L,)
        What is masked so far, by column.
    per_nucleotide : bool
        The budget counts nucleotides that no visible token shows, not tokens.
    tokens : int64
        Maskable tokens, T.
    column, start, stop : int32 arrays
        By token.
    low, high : int64
        The nucleotides that tokens cover lie in [low, high).
    covered : int64
        Nucleotides that maskable tokens show.
    visible : int32 array
        By nucleotide: tokens that still show it; kept when the budget counts nucleotides.
    target, done : float64, int64
        What the budget asks for, and what is spent of it.
    spent : bool
        The budget is spent.
    taken, stack : int64, int32 array
        The tokens that the last unit masked: how many, and which.
    numbers : int64
        Numbers drawn so far from the example's stream.
    pool, remaining : int32 array, int64
        Items that were not drawn yet are ``pool[:remaining]``.
    late, lates, late_cursor : int32 array, int64, int64
        Items that their weight put back, how many, and the next to come up again.
    unknown, unknowns, unknown_cursor : int32 array, int64, int64
        The same for items with an unknown letter.
    """


structref.define_proxy(
    Row,
    RowType,
    ["word", "codes", "weights", "mask", "per_nucleotide", "tokens", "column", "start", "stop", "low", "high",
     "covered", "visible", "target", "done", "spent", "taken", "stack", "numbers", "pool", "remaining",
     "late", "lates", "late_cursor", "unknown", "unknowns", "unknown_cursor"],
)  # fmt: skip


@njit(nogil=True)
def new_row(width, size, per_nucleotide):  # type: ignore[no-untyped-def]
    """Make a row with room for `width` tokens and `size` nucleotides."""
    items = max(width, size)
    return Row(
        ONE, np.empty(0, np.uint8), np.empty(0, np.float32), np.empty(0, np.bool_), per_nucleotide,
        0, np.empty(width, np.int32), np.empty(width, np.int32), np.empty(width, np.int32), 0, 0,
        0, np.empty(size, np.int32), 0.0, 0, False, 0, np.empty(width, np.int32), 1,
        np.empty(items, np.int32), 0,
        np.empty(items, np.int32), 0, 0, np.empty(items, np.int32), 0, 0,
    )  # fmt: skip


@njit(nogil=True)
def open_row(row, word, offsets, special, codes, weights, mask, rate):  # type: ignore[no-untyped-def]
    """Turn to another row: list its maskable tokens and set the target.

    Where the budget counts nucleotides, the tokens that show each of them are counted too.
    """
    row.word, row.codes, row.weights, row.mask = word, codes, weights, mask
    _list_tokens(row, offsets, special)
    row.done, row.spent, row.numbers = 0, False, 1
    row.target = rate * (row.covered if row.per_nucleotide else row.tokens)
    if row.per_nucleotide:
        visible, start, stop = row.visible, row.start, row.stop
        visible[row.low : row.high] = 0
        for token in range(row.tokens):
            for nucleotide in range(start[token], stop[token]):
                visible[nucleotide] += 1


@njit(nogil=True)
def _list_tokens(row, offsets, special):  # type: ignore[no-untyped-def]
    columns, starts, stops, size = row.column, row.start, row.stop, row.codes.shape[0]
    tokens = high = covered = reach = 0
    low = size
    for column in range(special.shape[0]):
        # A tokenizer's faulty offset must not reach outside the arrays.
        stop = min(max(offsets[column, 1], 0), size)
        start = min(max(offsets[column, 0], 0), stop)
        if stop > start:
            # What only an unknown token shows belongs to the sequence, though it cannot be hidden.
            low, high = min(low, start), max(high, stop)
        if not special[column]:
            columns[tokens] = column
            starts[tokens] = start
            stops[tokens] = stop
            covered += max(stop - max(start, reach), 0)
            reach = max(reach, stop)
            tokens += 1
    row.tokens, row.covered = tokens, covered
    row.low, row.high = (low, high) if tokens else (0, 0)


@njit(nogil=True)
def weights_of(weights, index):  # type: ignore[no-untyped-def]
    """Return the weights of a row; an array of shape (1, 0) says that all of them are 1."""
    return weights[min(index, weights.shape[0] - 1)]


@njit(nogil=True)
def number_at(word, index):  # type: ignore[no-untyped-def]
    """Return number `index` of a stream, in [0, 1)."""
    return (_mix64(word + (np.uint64(index) + ONE) * GAMMA) >> _11) * TO_UNIT


@njit(nogil=True)
def next_number(row):  # type: ignore[no-untyped-def]
    """Draw the next number of the example's stream, in [0, 1)."""
    number = number_at(row.word, row.numbers)
    row.numbers += 1
    return number


@njit(nogil=True)
def tokens_over(row, start, stop):  # type: ignore[no-untyped-def]
    """Return the range of tokens that show a nucleotide of [start, stop)."""
    starts, stops, tokens = row.start, row.stop, row.tokens
    # Nearly right at once for tokens of one length; faster than finding out for every nucleotide beforehand.
    begin = (start - row.low) * tokens // (row.high - row.low)
    while begin > 0 and stops[begin - 1] > start:
        begin -= 1
    while begin < tokens and stops[begin] <= start:
        begin += 1
    end = begin
    while end < tokens and starts[end] < stop:
        end += 1
    return begin, end
