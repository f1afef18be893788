"""What the kernels take: the arrays of a batch in one layout, so that each kernel is compiled once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.rng import RngKey
from dnamask_plugins.threads import in_threads
from dnamask_plugins.types import BoolArray, TokenBatch

KernelArrays = tuple[NDArray[Any], ...]
_NO_WEIGHTS: Final = np.empty((1, 0), dtype=np.float32)


def _layout(array: NDArray[Any], dtype: type) -> NDArray[Any]:
    """Return the array itself where it fits, else a copy; kernels do not write to it."""
    flags = array.flags
    if array.dtype == dtype and flags.c_contiguous and flags.writeable:
        return array
    return np.require(array, dtype, ["C", "W"])


def kernel_arrays(batch: TokenBatch, key: RngKey) -> KernelArrays:
    """Return what a kernel reads: for B examples of a batch of A rows, without a copy of the chosen rows.

    Returns
    -------
    rows : int64 array, shape (B,)
        Which row of the next four belongs to each example.
    offsets, special, codes, weights : arrays, shapes (A, L, 2), (A, L), (A, N) and (A, N)
        ``weights`` has shape (1, 0) where all of them are 1.
    words : uint64 array, shape (B,)
        Key of each example.
    """
    whole, rows = batch.origin
    weights = _NO_WEIGHTS if whole.weights is None else _layout(whole.weights, np.float32)
    return (
        rows,
        _layout(whole.offsets, np.int32),
        _layout(whole.special_tokens_mask, np.bool_),
        _layout(whole.nucleotides, np.uint8),
        weights,
        _layout(key.words, np.uint64),
    )


def run_kernel(kernel: Callable[..., object], arrays: KernelArrays, *settings: Any, mask: BoolArray) -> None:
    """Let a kernel mask the examples of some arrays; where they are many, several threads share them.

    Parameters
    ----------
    kernel : callable
        Takes arrays, settings and mask, and writes to the mask, bool (B, L).
    arrays : tuple
        See `kernel_arrays`.
    settings
        What is the same for all examples.
    mask : bool array, shape (B, L)
    """

    def work(part: slice) -> None:
        rows, *shared, words = arrays
        kernel((rows[part], *shared, words[part]), *settings, mask[part])

    in_threads(work, *mask.shape)


def empty_mask(batch: TokenBatch) -> BoolArray:
    """Return a mask that selects nothing, bool (B, L)."""
    return np.zeros(batch.shape, dtype=np.bool_)
