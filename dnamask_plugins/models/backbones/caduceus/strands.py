"""Both strands of a sequence with one set of parameters (Zhou et al., MLCB 2022; Schiff et al., ICML 2024).

Half of the channels belong to each strand; the second half runs the other way, rows and channels alike.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import linear

from dnamask_plugins.models.backbones.caduceus.configuration import CaduceusConfig


class Reversal:
    """Turns rows round, real tokens only.

    Parameters
    ----------
    like : tensor, shape (B, L, ...)
    attention_mask : tensor, shape (B, L), or None
        Non-zero for tokens, which come first.
    """

    def __init__(self, like: torch.Tensor, attention_mask: torch.Tensor | None) -> None:
        self.index: torch.Tensor | None = None
        if attention_mask is not None and not bool(attention_mask.all()):
            place = torch.arange(like.shape[1], device=like.device)
            lengths = attention_mask.bool().sum(1, keepdim=True)
            self.index = torch.where(place < lengths, lengths - 1 - place, place)

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Reverse along the rows (B, L) or (B, L, channels)."""
        if self.index is None:
            return states.flip(1)
        index = self.index if states.dim() == 2 else self.index[..., None].expand_as(states)
        return states.gather(1, index)

    def complement(self, states: torch.Tensor) -> torch.Tensor:
        """Read states (B, L, channels) as the other strand: rows and channels reversed."""
        return self(states).flip(-1)


class BothStrands(nn.Module):
    """A module applied to each half of the channels, to the second one as the other strand."""

    def __init__(self, submodule: nn.Module) -> None:
        super().__init__()
        self.submodule = submodule

    def forward(self, states: torch.Tensor, reverse: Reversal) -> torch.Tensor:
        """Map (B, L, 2 * channels) to the same."""
        return on_both_strands(states, reverse, lambda half: self.submodule(half, reverse))


def on_both_strands(states: torch.Tensor, reverse: Reversal, function: Any) -> torch.Tensor:
    """Apply a function to both halves of the channels, to the second one as the other strand."""
    first, second = states.chunk(2, dim=-1)
    return torch.cat((function(first), reverse.complement(function(reverse.complement(second)))), dim=-1)


class NormHolder(nn.Module):
    """Holds a norm under the name that the published equivariant form without fused kernels has."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.submodule = norm

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Normalise the channels."""
        return self.submodule(states)


class EquivariantEmbedding(nn.Module):
    """Embeds both strands: the letters, and after them their complements with reversed channels."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.complement_map: torch.Tensor
        self.register_buffer("complement_map", torch.tensor(config.complements()))
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)

    @property
    def weight(self) -> torch.Tensor:
        """The matrix."""
        return self.embedding.weight

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Map (B, L) to (B, L, 2 * channels)."""
        other = self.embedding(self.complement_map[input_ids]).flip(-1)
        return torch.cat((self.embedding(input_ids), other), dim=-1)


class EquivariantHead(nn.Module):
    """Scores of both strands, added."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.complement_map: torch.Tensor
        self.register_buffer("complement_map", torch.tensor(config.complements()))
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Map (..., 2 * channels) to (..., vocabulary)."""
        first, second = states.chunk(2, dim=-1)
        other = linear(second.flip(-1), self.lm_head.weight[self.complement_map])
        return self.lm_head(first) + other
