"""A padded batch with the interface of packed rows, for graphs whose shapes may not depend on the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from dnamask_plugins.models.packed_rows import PackedRows


@dataclass(frozen=True, eq=False)
class PaddedRows:
    """A padded batch as it is: the interface of `PackedRows` without shapes that depend on the data.

    Attributes
    ----------
    batch, width : int
    attention_mask : bool tensor, shape (B, L), or None
    """

    batch: int
    width: int
    attention_mask: torch.Tensor | None

    @property
    def positions(self) -> torch.Tensor:
        """Place of each token in its row, int64 (B * L,)."""
        device = None if self.attention_mask is None else self.attention_mask.device
        return torch.arange(self.width, device=device).repeat(self.batch)

    def pack(self, tokens: torch.Tensor) -> torch.Tensor:
        """Flatten a batch (B, L, ...) to (B * L, ...)."""
        return tokens.flatten(0, 1)

    def unpack(self, tokens: torch.Tensor) -> torch.Tensor:
        """Undo `pack`; padding becomes zero."""
        padded = tokens.unflatten(0, (self.batch, self.width))
        if self.attention_mask is None:
            return padded
        return torch.where(self.attention_mask[..., None], padded, 0)

    def prepare(self, bias: torch.Tensor) -> torch.Tensor:
        """Make a bias (H, W, W) ready for `attend`, once for all layers."""
        added = bias[None, :, : self.width, : self.width]
        if self.attention_mask is None:
            return added
        return torch.where(self.attention_mask[:, None, None, :], added, torch.finfo(bias.dtype).min)

    def attend(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        *,
        scale: float | None = None,
        dropout: float = 0.0,
        bias: torch.Tensor | None = None,
        **_: Any,
    ) -> torch.Tensor:
        """Attend within each row; see `PackedRows.attend`."""
        mask = bias
        if bias is None and self.attention_mask is not None:
            mask = self.attention_mask[:, None, None, :]
        shape = (self.batch, self.width)
        attended = scaled_dot_product_attention(
            query.unflatten(0, shape).transpose(1, 2),
            key.unflatten(0, shape).transpose(1, 2),
            value.unflatten(0, shape).transpose(1, 2),
            attn_mask=mask,
            dropout_p=dropout,
            scale=scale,
        )
        return attended.transpose(1, 2).flatten(0, 1)


Rows = PackedRows | PaddedRows
