"""Running a model without training it: where, how many tokens at a time, and in which precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Final

import torch

from dnamask_plugins.types import TokenBatch

_CPU_TOKENS: Final = 2_400
"""Tokens of one forward pass on a CPU: more leave its caches."""

_GPU_TOKENS: Final = 65_536


def best_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def tokens_at_once(device: torch.device) -> int:
    """Return how many tokens go through the model together; on a CPU as many as its caches take."""
    return _GPU_TOKENS if device.type == "cuda" else _CPU_TOKENS


def reduced_precision(wanted: bool) -> AbstractContextManager[Any]:
    """Compute in bfloat16 on the best device within this context: faster on a GPU, two to three digits."""
    return torch.autocast(best_device().type, torch.bfloat16, enabled=wanted)


def precision() -> str:
    """Return what models compute in here: ``float32``, or ``bfloat16`` within `reduced_precision`."""
    return "bfloat16" if torch.is_autocast_enabled(best_device().type) else "float32"


def in_slices(batch: TokenBatch, at_once: int) -> Iterator[tuple[slice, TokenBatch]]:
    """Cut a batch into slices of rows that fit the device together, each without needless padding.

    Parameters
    ----------
    batch : TokenBatch of B rows
        Best sorted by length.
    at_once : int
        Tokens, see `tokens_at_once`.

    Yields
    ------
    slice, TokenBatch
        The rows, and those rows as narrow as the longest of them.
    """
    sizes = batch.attention_mask.sum(axis=1)
    start = 0
    while start < len(batch):
        # The first row is about as long as the others of its slice.
        count = max(1, at_once // max(int(sizes[start]), 1))
        rows = slice(start, min(start + count, len(batch)))
        width = int(sizes[rows].max())
        part = batch[rows]
        yield (
            rows,
            TokenBatch(
                part.input_ids[:, :width],
                part.offsets[:, :width],
                part.special_tokens_mask[:, :width],
                part.attention_mask[:, :width],
                part.nucleotides,
                part.lengths,
            ),
        )
        start = rows.stop


def model_inputs(batch: TokenBatch, device: torch.device) -> dict[str, torch.Tensor]:
    """Return what a model's forward pass takes; no attention mask where nothing is padded."""
    inputs = {"input_ids": torch.from_numpy(batch.input_ids).to(device)}
    if not batch.attention_mask.all():
        inputs["attention_mask"] = torch.from_numpy(batch.attention_mask.astype("int64")).to(device)
    return inputs


def mean_of_tokens(hidden: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Average hidden states (B, L, H) over the tokens with weight 1 in (B, L); zeros where there is none.

    Examples
    --------
    >>> mean_of_tokens(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1.0, 1.0, 0.0]])).tolist()
    [[2.0]]
    """
    # A mean of 500 states has no digits to spare, whatever the model computes in.
    with torch.autocast(hidden.device.type, enabled=False):
        return torch.einsum("bl,blh->bh", weights, hidden) / weights.sum(1, keepdim=True).clamp(min=1)
