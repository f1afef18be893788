"""Overlapping windows of a sequence, which stand in for tokens that have no mirror image."""

from __future__ import annotations

import numpy as np

from dnamask_plugins.compiled import njit
from dnamask_plugins.types import BoolArray, TokenBatch


@njit(cache=True, nogil=True)
def _cut_windows(lengths, size, offsets, present):  # type: ignore[no-untyped-def]
    for row in range(lengths.shape[0]):
        for window in range(lengths[row] + size - 1):
            offsets[row, window, 0] = max(window + 1 - size, 0)
            offsets[row, window, 1] = min(window + 1, lengths[row])
            present[row, window] = True


@njit(cache=True, nogil=True)
def _find_tokens(windows, size, lengths, offsets, special, mask):  # type: ignore[no-untyped-def]
    # By place: how many nucleotides before it no window shows.
    hidden_before = np.zeros(windows.shape[1] + 1, np.int64)
    for row in range(mask.shape[0]):
        length, run = lengths[row], 0
        for window in range(length + size - 1):
            # Windows run over both ends: those of nucleotide j are j .. j + size - 1.
            run = run + 1 if windows[row, window] else 0
            nucleotide = window + 1 - size
            if nucleotide >= 0:
                hidden_before[nucleotide + 1] = hidden_before[nucleotide] + (run >= size)
        for token in range(mask.shape[1]):
            start = min(max(offsets[row, token, 0], 0), length)
            stop = min(max(offsets[row, token, 1], 0), length)
            mask[row, token] = hidden_before[stop] > hidden_before[start] and not special[row, token]


def overlapping_windows(batch: TokenBatch, size: int) -> TokenBatch:
    """Return the sequences cut into every window of `size` nucleotides, those over the ends included."""
    shape = len(batch), int(batch.lengths.max(initial=1 - size)) + size - 1
    ids, offsets = np.zeros(shape, dtype=np.int64), np.zeros((*shape, 2), dtype=np.int32)
    present = np.zeros(shape, dtype=np.bool_)
    _cut_windows(np.require(batch.lengths, np.int32, ["C", "W"]), size, offsets, present)
    return TokenBatch(ids, offsets, ~present, present, batch.nucleotides, batch.lengths, batch.weights)


def tokens_under_windows(windows: BoolArray, size: int, batch: TokenBatch) -> BoolArray:
    """Return the tokens that show a nucleotide of which no window is left, bool (B, L).

    Parameters
    ----------
    windows : bool array
        Of `overlapping_windows`, those that are hidden.
    size : int
    batch : TokenBatch

    Examples
    --------
    Both windows of 2 over the G are hidden, but only one over each of its neighbours:

    >>> from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer
    >>> batch = NucleotideTokenizer().encode_batch(["ACGT"])  # windows A, AC, CG, GT, T
    >>> tokens_under_windows(np.array([[0, 0, 1, 1, 0]], bool), 2, batch)[0].astype(int).tolist()
    [0, 0, 0, 1, 0, 0]
    """
    mask = np.zeros(batch.shape, dtype=np.bool_)
    _find_tokens(
        windows,
        size,
        np.require(batch.lengths, np.int32, ["C", "W"]),
        np.require(batch.offsets, np.int32, ["C", "W"]),
        np.require(batch.special_tokens_mask, np.bool_, ["C", "W"]),
        mask,
    )
    return mask
