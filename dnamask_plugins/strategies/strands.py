"""The other strand of a row: which strand comes first, and turning tokens and masks around, compiled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.compiled import njit
from dnamask_plugins.types import BoolArray, TokenBatch


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
        left, right = 0, offsets.shape[1] - 1
        symmetric[row] = True
        while left <= right:
            if offsets[row, left, 1] <= offsets[row, left, 0]:
                left += 1
            elif offsets[row, right, 1] <= offsets[row, right, 0]:
                right -= 1
            elif (
                offsets[row, left, 0] + offsets[row, right, 1] != length
                or offsets[row, left, 1] + offsets[row, right, 0] != length
            ):
                symmetric[row] = False
                break
            else:
                left += 1
                right -= 1


@njit(cache=True, nogil=True)
def _turn(turned, lengths, ids, offsets, special, codes, weights):  # type: ignore[no-untyped-def]
    for row in range(ids.shape[0]):
        if not turned[row]:
            continue
        length = lengths[row]
        left, right = 0, ids.shape[1] - 1
        while left <= right:
            if offsets[row, left, 1] <= offsets[row, left, 0]:
                left += 1
                continue
            if offsets[row, right, 1] <= offsets[row, right, 0]:
                right -= 1
                continue
            start, stop = offsets[row, left, 0], offsets[row, left, 1]
            offsets[row, left, 0] = length - offsets[row, right, 1]
            offsets[row, left, 1] = length - offsets[row, right, 0]
            offsets[row, right, 0] = length - stop
            offsets[row, right, 1] = length - start
            ids[row, left], ids[row, right] = ids[row, right], ids[row, left]
            special[row, left], special[row, right] = special[row, right], special[row, left]
            left += 1
            right -= 1
        for position in range((length + 1) // 2):
            mirror = length - 1 - position
            one, other = codes[row, position], codes[row, mirror]
            codes[row, position] = 3 - other if other < 4 else other
            codes[row, mirror] = 3 - one if one < 4 else one
            if weights.shape[1]:
                weights[row, position], weights[row, mirror] = weights[row, mirror], weights[row, position]


@njit(cache=True, nogil=True)
def _turn_mask(turned, offsets, mask):  # type: ignore[no-untyped-def]
    for row in range(mask.shape[0]):
        left, right = 0, mask.shape[1] - 1
        while turned[row] and left <= right:
            if offsets[row, left, 1] <= offsets[row, left, 0]:
                left += 1
            elif offsets[row, right, 1] <= offsets[row, right, 0]:
                right -= 1
            else:
                mask[row, left], mask[row, right] = mask[row, right], mask[row, left]
                left += 1
                right -= 1


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
    """Return the other strand of the rows that are `turned`; what shows no nucleotide keeps its column.

    The ids are those of the given strand in reversed order, for want of a tokenizer.
    """
    if not turned.any():
        return batch
    weights = np.empty((1, 0), np.float32) if batch.weights is None else np.array(batch.weights, np.float32)
    ids, offsets = np.array(batch.input_ids, np.int64), np.array(batch.offsets, np.int32)
    special, codes = np.array(batch.special_tokens_mask, np.bool_), np.array(batch.nucleotides, np.uint8)
    _turn(turned, np.array(batch.lengths, np.int32), ids, offsets, special, codes, weights)
    return replace(
        batch,
        input_ids=ids,
        offsets=offsets,
        special_tokens_mask=special,
        nucleotides=codes,
        weights=None if batch.weights is None else weights,
    )


def turn_mask(mask: BoolArray, batch: TokenBatch, turned: BoolArray) -> BoolArray:
    """Return a mask of the other strand as one of the rows of `batch`."""
    back = np.array(mask, np.bool_)
    _turn_mask(turned, np.require(batch.offsets, np.int32, ["C", "W"]), back)
    return back


def overlapping_windows(batch: TokenBatch, size: int) -> TokenBatch:
    """Return the sequences cut into every window of `size` nucleotides, those over the ends included."""
    count = batch.lengths + size - 1
    index = np.arange(int(count.max(initial=0)))[None, :]
    present = index < count[:, None]
    lengths = batch.lengths[:, None]
    start: NDArray[np.intp] = np.clip(index - size + 1, 0, lengths)
    stop = np.clip(index + 1, 0, lengths)
    offsets = np.where(present[..., None], np.stack([start, stop], axis=-1), 0).astype(np.int32)
    ids = np.zeros(present.shape, dtype=np.int64)
    return TokenBatch(ids, offsets, ~present, present, batch.nucleotides, batch.lengths, batch.weights)
