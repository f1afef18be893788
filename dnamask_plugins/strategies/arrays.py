"""What the kernels take: the arrays of a batch in one layout, so that each kernel is compiled once."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.rng import RngKey
from dnamask_plugins.types import BoolArray, TokenBatch

_NO_WEIGHTS: Final = np.empty((1, 0), dtype=np.float32)


def _layout(array: NDArray[Any], dtype: type) -> NDArray[Any]:
    """Return the array itself where it fits, else a copy; kernels do not write to it."""
    return np.require(array, dtype, ["C", "W"])


def kernel_arrays(batch: TokenBatch, key: RngKey) -> tuple[NDArray[Any], ...]:
    """Return offsets, special tokens mask, nucleotides, weights and key words as the kernels take them."""
    weights = _NO_WEIGHTS if batch.weights is None else _layout(batch.weights, np.float32)
    return (
        _layout(batch.offsets, np.int32),
        _layout(batch.special_tokens_mask, np.bool_),
        _layout(batch.nucleotides, np.uint8),
        weights,
        _layout(key.words, np.uint64),
    )


def empty_mask(batch: TokenBatch) -> BoolArray:
    """Return a mask that selects nothing, bool (B, L)."""
    return np.zeros(batch.special_tokens_mask.shape, dtype=np.bool_)
