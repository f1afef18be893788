"""Perplexity on fixed windows under fixed masks, so that evaluations of one run, and of several, compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from dnamask_plugins.masking import MaskedBatch, Masker
from dnamask_plugins.training.tensors import to_tensors
from dnamask_plugins.types import MaskSpec, TokenBatch

VALIDATION_SEED: Final = 20_240_819
"""Masks of the validation windows are the same in every run, whatever its seed."""


@dataclass(frozen=True, eq=False)
class Validation:
    """Held-out windows with the masks under which a model is measured.

    Attributes
    ----------
    batch : TokenBatch of all windows
    masker : Masker
        Whose strategies and corruption are used, under `VALIDATION_SEED`.
    mask_rate : float
    batch_size : int
    """

    batch: TokenBatch
    masker: Masker
    mask_rate: float
    batch_size: int = 32

    @cached_property
    def _fixed_masker(self) -> Masker:
        masker = self.masker
        return Masker(masker.strategies, masker.corruption, VALIDATION_SEED, masker.per, masker.draw)

    @cached_property
    def _ids(self) -> NDArray[np.int64]:
        return np.arange(len(self.batch), dtype=np.int64)

    def masked(self, spec: MaskSpec) -> MaskedBatch:
        """Mask all windows under a spec; always the same way."""
        return self._fixed_masker(self.batch, spec, 0, self._ids)

    def batches(self, spec: MaskSpec, part: int = 0, parts: int = 1) -> Iterator[dict[str, torch.Tensor]]:
        """Yield masked batches, every `parts`-th from `part` on (one share per process)."""
        masked = self.masked(spec)
        starts = range(0, len(self.batch), self.batch_size)
        for start in starts[part::parts]:
            rows = slice(start, start + self.batch_size)
            yield to_tensors(
                MaskedBatch(
                    masked.input_ids[rows],
                    masked.labels[rows],
                    masked.attention_mask[rows],
                    masked.mask[rows],
                )
            )

    def probe_spec(self, probe: str, current: MaskSpec) -> MaskSpec:
        """Return the spec of a probe; ``current`` is whatever holds now."""
        return current if probe == "current" else MaskSpec.single(probe, self.mask_rate)


def masked_loss_sum(
    loss_of: Any, batches: Iterator[dict[str, torch.Tensor]], device: torch.device
) -> torch.Tensor:
    """Sum the masked-token losses and count the tokens.

    Parameters
    ----------
    loss_of : callable
        From a batch of tensors to (mean loss, number of predicted tokens).
    batches : iterator of dict
    device : torch.device

    Returns
    -------
    torch.Tensor, float64, shape (2,)
        Sum of losses, number of predicted tokens.
    """
    total = torch.zeros(2, dtype=torch.float64, device=device)
    for batch in batches:
        loss, count = loss_of({name: value.to(device) for name, value in batch.items()})
        total[0] += loss.double() * count
        total[1] += count
    return total
