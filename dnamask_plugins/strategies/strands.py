"""The other strand of a row: which strand comes first, and turning tokens and masks around, compiled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dnamask_plugins.compiled import njit
from dnamask_plugins.types import BoolArray, TokenBatch


@njit(nogil=True)
def _shown_columns(offsets):  # type: ignore[no-untyped-def]
    """Return the first column that shows a nucleotide, the one behind the last, and if all between do."""
    begin, end = 0, offsets.shape[0]
    while begin < end and offsets[begin, 1] <= offsets[begin, 0]:
        begin += 1
    while begin < end and offsets[end - 1, 1] <= offsets[end - 1, 0]:
        end -= 1
    flat = offsets[begin:end].reshape(-1)
    empty = 0
    for token in range(end - begin):
        empty += flat[2 * token + 1] <= flat[2 * token]
    return begin, end, empty == 0


@njit(nogil=True)
def _next_pair(offsets, left, right):  # type: ignore[no-untyped-def]
    """Return the first column from `left` on that shows a nucleotide, and the last one up to `right`."""
    while left <= right and offsets[left, 1] <= offsets[left, 0]:
        left += 1
    while left <= right and offsets[right, 1] <= offsets[right, 0]:
        right -= 1
    return left, right


@njit(nogil=True)
def _is_symmetric(offsets, length):  # type: ignore[no-untyped-def]
    """Say whether the tokens of a row are their own mirror image; columns that show nothing do not count."""
    begin, end, dense = _shown_columns(offsets)
    if dense:
        # Flat offsets are start, stop, start, stop, ...: mirrored, the first start meets the last stop.
        flat = offsets[begin:end].reshape(-1)
        broken = 0
        for place in range(flat.shape[0]):
            broken += flat[place] + flat[flat.shape[0] - 1 - place] != length
        return broken == 0
    left, right = _next_pair(offsets, begin, end - 1)
    while left <= right:
        if offsets[left, 0] + offsets[right, 1] != length or offsets[left, 1] + offsets[right, 0] != length:
            return False
        left, right = _next_pair(offsets, left + 1, right - 1)
    return True


@njit(cache=True, nogil=True)
def _compare(offsets, codes, lengths, second, symmetric):  # type: ignore[no-untyped-def]
    for row in range(codes.shape[0]):
        length = lengths[row]
        for position in range(length):
            letter, other = codes[row, position], codes[row, length - 1 - position]
            other = 3 - other if other < 4 else other
            if other != letter:
                second[row] = other < letter
                break
        symmetric[row] = _is_symmetric(offsets[row], length)


@njit(nogil=True)
def _reverse(values, begin, end):  # type: ignore[no-untyped-def]
    part = values[begin:end]
    size = part.shape[0]
    for place in range(size // 2):
        part[place], part[size - 1 - place] = part[size - 1 - place], part[place]


@njit(nogil=True)
def _reverse_tokens(offsets, values):  # type: ignore[no-untyped-def]
    """Reverse what belongs to the tokens of a row; what shows no nucleotide keeps its column."""
    begin, end, dense = _shown_columns(offsets)
    if dense:
        _reverse(values, begin, end)
        return
    left, right = _next_pair(offsets, begin, end - 1)
    while left <= right:
        values[left], values[right] = values[right], values[left]
        left, right = _next_pair(offsets, left + 1, right - 1)


@njit(cache=True, nogil=True)
def _turn(turned, lengths, offsets, ids, special, codes, weights):  # type: ignore[no-untyped-def]
    for row in np.flatnonzero(turned):
        _reverse_tokens(offsets[row], ids[row])
        _reverse_tokens(offsets[row], special[row])
        length = lengths[row]
        _reverse(codes[row], 0, length)
        letters = codes[row]
        for position in range(length):
            letters[position] = 3 - letters[position] if letters[position] < 4 else letters[position]
        if weights.shape[1]:
            _reverse(weights[row], 0, length)


@njit(cache=True, nogil=True)
def _turn_mask(turned, offsets, mask):  # type: ignore[no-untyped-def]
    for row in np.flatnonzero(turned):
        _reverse_tokens(offsets[row], mask[row])


def compare_strands(batch: TokenBatch) -> tuple[BoolArray, BoolArray]:
    """Look at each row from both sides.

    Returns
    -------
    second : bool array, shape (B,)
        The reverse complement comes first in alphabetical order.
    symmetric : bool array, shape (B,)
        The tokens of the reverse complement are the mirror image of those of the row.

    Examples
    --------
    >>> from dnamask_plugins.tokenizers.kmer import KmerTokenizer
    >>> [flags.tolist() for flags in compare_strands(KmerTokenizer(2).encode_batch(["AAC", "GTT"]))]
    [[False, True], [True, True]]
    """
    second, symmetric = np.zeros(len(batch), dtype=np.bool_), np.zeros(len(batch), dtype=np.bool_)
    _compare(
        np.require(batch.offsets, np.int32, ["C", "W"]),
        np.require(batch.nucleotides, np.uint8, ["C", "W"]),
        np.require(batch.lengths, np.int32, ["C", "W"]),
        second,
        symmetric,
    )
    return second, symmetric


def turn_rows(batch: TokenBatch, turned: BoolArray) -> TokenBatch:
    """Return the other strand of the rows that are `turned`, whose tokens are their own mirror image.

    So their offsets stay as they are. The ids are those of the given strand in reversed order, for want of a
    tokenizer; what shows no nucleotide keeps its column.
    """
    if not turned.any():
        return batch
    weights = np.empty((1, 0), np.float32) if batch.weights is None else np.array(batch.weights, np.float32)
    ids, offsets = np.array(batch.input_ids, np.int64), np.require(batch.offsets, np.int32, ["C", "W"])
    special, codes = np.array(batch.special_tokens_mask, np.bool_), np.array(batch.nucleotides, np.uint8)
    _turn(turned, np.array(batch.lengths, np.int32), offsets, ids, special, codes, weights)
    return replace(
        batch,
        input_ids=ids,
        special_tokens_mask=special,
        nucleotides=codes,
        weights=None if batch.weights is None else weights,
    )


def turn_mask(mask: BoolArray, batch: TokenBatch, turned: BoolArray) -> BoolArray:
    """Return a mask of the other strand as one of the rows of `batch`."""
    back = np.array(mask, np.bool_)
    _turn_mask(turned, np.require(batch.offsets, np.int32, ["C", "W"]), back)
    return back
