"""The row that a kernel is working on: its maskable tokens, the mask so far, and the numbers drawn.

Of "ACGTAC" in overlapping 3-mers, [CLS] ACG CGT GTA TAC [SEP], a `Row` sees four tokens:

    token   0 (ACG)  1 (CGT)  2 (GTA)  3 (TAC)
    column  1        2        3        4          place in the batch; [CLS] and [SEP] are left out
    start   0        1        2        3          first nucleotide
    stop    3        4        5        6          after the last one

Offsets never decrease along a row, so the tokens that show a nucleotide of an interval are neighbours: hiding
nucleotide 2 (G) means masking tokens 0, 1 and 2.

Of the numbers of an example's stream (see `splitmix`), number 0 decides about the unit that crosses the
target; the others are drawn in order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.experimental import structref

from dnamask_plugins.compiled import njit
from dnamask_plugins.splitmix import ONE
from dnamask_plugins.streams import number_at


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
    column, start, stop : int32 arrays, shape (T,)
        By token: its place in the batch, and the nucleotides it shows.
    offsets : int32 array, shape (T, 2)
        `start` and `stop` side by side.
    every_column, copied_column, copied : int32 arrays, shapes (L,), (L,) and (L, 2)
        What `column` and `offsets` are views of: 0, 1, ...; and room for rows that need a copy.
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
    ["word", "codes", "weights", "mask", "per_nucleotide", "tokens", "column", "start", "stop",
     "offsets", "every_column", "copied_column", "copied", "low", "high", "covered", "visible", "target",
     "done", "spent", "taken", "stack", "numbers", "pool", "remaining", "late", "lates", "late_cursor",
     "unknown", "unknowns", "unknown_cursor"],
)  # fmt: skip


@njit(nogil=True)
def new_row(arrays, per_nucleotide):  # type: ignore[no-untyped-def]
    """Make a row with room for any row of some arrays; see `arrays.kernel_arrays`."""
    width, size = arrays[1].shape[1], arrays[3].shape[1]
    items = max(width, size)
    every_column, copied = np.arange(width).astype(np.int32), np.empty((width, 2), np.int32)
    return Row(
        ONE, np.empty(0, np.uint8), np.empty(0, np.float32), np.empty(0, np.bool_), per_nucleotide,
        0, every_column, copied[:, 0], copied[:, 1], copied, every_column, np.empty(width, np.int32), copied,
        0, 0, 0, np.empty(size, np.int32), 0.0, 0, False, 0, np.empty(width, np.int32), 1,
        np.empty(items, np.int32), 0,
        np.empty(items, np.int32), 0, 0, np.empty(items, np.int32), 0, 0,
    )  # fmt: skip


@njit(nogil=True)
def open_row(row, arrays, index, mask, rate):  # type: ignore[no-untyped-def]
    """Turn to another example: list its maskable tokens and set the target.

    Where the budget counts nucleotides, the tokens that show each of them are counted too.
    """
    rows, offsets, special, codes, weights, words = arrays
    place = rows[index]
    row.word, row.codes, row.mask = words[index], codes[place], mask[index]
    # An array of shape (1, 0) says that all weights are 1.
    row.weights = weights[min(place, weights.shape[0] - 1)]
    _list_tokens(row, offsets[place], special[place])
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
    begin, end = 0, special.shape[0]
    while begin < end and special[begin]:
        begin += 1
    while begin < end and special[end - 1]:
        end -= 1
    if _is_plain(offsets[begin:end], special[begin:end], row.codes.shape[0]) and (
        _shows_nothing(offsets[:begin]) and _shows_nothing(offsets[end:])
    ):
        # Nearly every row: nothing is copied.
        row.tokens, row.column, row.offsets = end - begin, row.every_column[begin:end], offsets[begin:end]
        row.low, row.high = np.int64(offsets[begin, 0]), np.int64(offsets[end - 1, 1])
        row.covered = row.high - row.low
    else:
        _copy_tokens(row, offsets, special)
    row.start, row.stop = row.offsets[:, 0], row.offsets[:, 1]


@njit(nogil=True)
def _is_plain(offsets, special, size):  # type: ignore[no-untyped-def]
    """Say whether the tokens are all maskable, in order, without a gap between them.

    Flat offsets are start, stop, start, stop, ... A loop that looks at all places is vectorised; one that
    ends at the first that breaks a condition is not.
    """
    flat, tokens = offsets.reshape(-1), special.shape[0]
    if tokens == 0 or flat[0] < 0 or flat[2 * tokens - 1] > size:
        return False
    broken = False
    for token in range(tokens):
        broken |= special[token]
    for place in range(2 * tokens - 2):
        broken |= flat[place + 2] < flat[place]
    for token in range(tokens):
        broken |= flat[2 * token + 1] <= flat[2 * token]
    for token in range(tokens - 1):
        broken |= flat[2 * token + 2] > flat[2 * token + 1]
    return not broken


@njit(nogil=True)
def _shows_nothing(offsets):  # type: ignore[no-untyped-def]
    """Say whether none of the tokens covers a nucleotide."""
    flat = offsets.reshape(-1)
    covering = False
    for token in range(offsets.shape[0]):
        covering |= flat[2 * token + 1] > flat[2 * token]
    return not covering


@njit(nogil=True)
def _copy_tokens(row, offsets, special):  # type: ignore[no-untyped-def]
    columns, copied, size = row.copied_column, row.copied, row.codes.shape[0]
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
            copied[tokens, 0], copied[tokens, 1] = start, stop
            covered += max(stop - max(start, reach), 0)
            reach = max(reach, stop)
            tokens += 1
    row.tokens, row.column, row.offsets = tokens, columns[:tokens], copied[:tokens]
    row.covered = covered
    row.low, row.high = (low, high) if tokens else (0, 0)


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
