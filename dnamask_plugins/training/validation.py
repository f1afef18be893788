"""Perplexity on fixed windows under fixed masks, so that evaluations of one run, and of several, compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from dnamask_plugins.budget import maskable_tokens
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.masking import MaskedBatch, Masker
from dnamask_plugins.tokenizers.spelling import Spellings
from dnamask_plugins.training.schedule import perplexity
from dnamask_plugins.training.steps import planned
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
    spellings : Spellings, optional
        Of the tokenizer; with them the hidden letters are measured as well.
    """

    batch: TokenBatch
    masker: Masker
    mask_rate: float
    batch_size: int = 32
    spellings: Spellings | None = None

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

    def batches(self, spec: MaskSpec, part: int = 0, parts: int = 1) -> Iterator[dict[str, Any]]:
        """Yield masked batches, every `parts`-th from `part` on (one share per process)."""
        masked = self.masked(spec)
        starts = range(0, len(self.batch), self.batch_size)
        for start in starts[part::parts]:
            rows = slice(start, start + self.batch_size)
            part_of = MaskedBatch(
                masked.input_ids[rows], masked.labels[rows], masked.attention_mask[rows], masked.mask[rows]
            )
            spelled = self.spellings
            yield planned(
                part_of, None if spelled is None else spelled.places(part_of.mask, self.batch[rows])
            )

    def probe_spec(self, probe: str, current: MaskSpec) -> MaskSpec:
        """Return the spec of a probe; ``current`` is whatever holds now."""
        return current if probe == "current" else MaskSpec.single(probe, self.mask_rate)

    def check(self, probes: Sequence[str], current: MaskSpec) -> None:
        """Refuse masks that hide no token of any window: a loss over no tokens is no measurement.

        Raises
        ------
        ConfigError
            Names the probe, the rate, and the number of tokens that there are.
        """
        for probe in probes:
            spec = self.probe_spec(probe, current)
            if not self.masked(spec).mask.any():
                names = ", ".join(name for name, _ in spec.weights)
                raise ConfigError(
                    f"a mask rate of {spec.mask_rate:g} ({names}) hides none of the "
                    f"{int(maskable_tokens(self.batch).sum()):,} tokens of the {len(self.batch)} validation "
                    "windows, so that nothing can be learnt or measured; raise the rate"
                )


@dataclass(frozen=True)
class Measured:
    """Losses on held-out windows under one mask.

    Attributes
    ----------
    token : float
        Mean loss of a masked token, in nats.
    nucleotide : float or None
        Mean loss of a hidden nucleotide, given that the masked word has a letter at its place. None where no
        nucleotide is hidden (lone k-mers), or the tokenizer does not tell how its ids are spelled.
    """

    token: float
    nucleotide: float | None

    @classmethod
    def from_sums(cls, total: torch.Tensor) -> Measured | None:
        """Divide what `masked_loss_sum` summed; None over no tokens, which is no measurement."""
        loss, count, letters, hidden = total.tolist()
        return cls(loss / count, letters / hidden if hidden > 0 else None) if count else None

    def perplexities(self) -> dict[str, float]:
        """Return ``perplexity`` and, where it is known, ``nucleotide_perplexity``."""
        known = {} if self.nucleotide is None else {"nucleotide_perplexity": perplexity(self.nucleotide)}
        return {"perplexity": perplexity(self.token)} | known


def masked_loss_sum(loss_of: Any, batches: Iterator[dict[str, Any]], device: torch.device) -> torch.Tensor:
    """Sum the losses of masked tokens and of hidden letters, and count both.

    Parameters
    ----------
    loss_of : callable
        From a batch of tensors to (mean loss, number of predicted tokens), or to `MaskedLosses` for a batch
        with ``places``.
    batches : iterator of dict
    device : torch.device

    Returns
    -------
    torch.Tensor, float64, shape (4,)
        Sum of token losses, predicted tokens, sum of letter losses, hidden letters; see `Measured`.
    """
    total = torch.zeros(4, dtype=torch.float64, device=device)
    for batch in batches:
        loss, count, *letters = loss_of({name: value.to(device) for name, value in batch.items()})
        total[0] += loss.double() * count
        total[1] += count
        if letters:
            total[2] += letters[0].double() - letters[1].double()
            total[3] += batch["places"].double().sum().to(device)
    return total
