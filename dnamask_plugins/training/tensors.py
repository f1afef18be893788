"""The Hugging Face boundary: from arrays to the tensors that a model takes."""

from __future__ import annotations

import torch

from dnamask_plugins.masking import MaskedBatch


def to_tensors(masked: MaskedBatch) -> dict[str, torch.Tensor]:
    """Return ``input_ids``, ``attention_mask`` and ``labels``, int64 (B, L) each."""
    return {
        "input_ids": torch.from_numpy(masked.input_ids),
        "attention_mask": torch.from_numpy(masked.attention_mask).long(),
        "labels": torch.from_numpy(masked.labels),
    }
