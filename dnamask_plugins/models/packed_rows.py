"""Windows of different lengths without padding.

A batch of B rows of which T tokens are real is kept as one array of T tokens. Everything in a transformer
works on tokens one at a time, except attention; `PackedRows.attend` keeps that within each window.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dnamask_plugins.models import packed_attention
from dnamask_plugins.models.packed_attention import Attention
from dnamask_plugins.models.segments import Segments


@dataclass(frozen=True, eq=False)
class PackedRows:
    """The real tokens of a padded batch, windows sorted by length so that equal ones are neighbours.

    Attributes
    ----------
    segments : Segments
    index : int64 tensor, shape (T,)
        Index of each token in the flattened batch.
    batch, width : int
        Shape of the padded batch.
    """

    segments: Segments
    index: torch.Tensor
    batch: int
    width: int

    @classmethod
    def from_attention_mask(cls, attention_mask: torch.Tensor) -> PackedRows:
        """Find the tokens; rows without any are dropped.

        Parameters
        ----------
        attention_mask : bool or int tensor, shape (B, L)
            Non-zero for tokens, on whichever side the padding is.

        Examples
        --------
        >>> rows = PackedRows.from_attention_mask(torch.tensor([[1, 1, 0], [1, 1, 1]]))
        >>> rows.index.tolist(), rows.segments.lengths
        ([3, 4, 5, 0, 1], (3, 2))
        """
        mask = attention_mask.detach().to("cpu").bool()
        batch, width = mask.shape
        counts = mask.sum(1)
        order = torch.argsort(counts, descending=True, stable=True)
        order = order[counts[order] > 0]
        rows, columns = mask[order].nonzero(as_tuple=True)
        index = order[rows] * width + columns
        rows_on_cpu = cls(Segments.from_lengths(counts[order].tolist()), index, batch, width)
        return rows_on_cpu.to(attention_mask.device)

    def to(self, device: torch.device) -> PackedRows:
        """Move to a device."""
        if device.type == "cpu":
            return self
        index = self.index.to(device, non_blocking=True)
        return PackedRows(self.segments.to(device), index, self.batch, self.width)

    def pin_memory(self) -> PackedRows:
        """Move into memory that a GPU copies from by itself."""
        return PackedRows(self.segments.pin_memory(), self.index.pin_memory(), self.batch, self.width)

    @property
    def positions(self) -> torch.Tensor:
        """Place of each token in its window, int64 (T,)."""
        return self.segments.slot

    @property
    def columns(self) -> torch.Tensor:
        """Column of each token in the padded batch, (T,): its place, unless padding is on the left."""
        return self.index % self.width

    def pack(self, tokens: torch.Tensor) -> torch.Tensor:
        """Take the real tokens of a batch (B, L, ...), giving (T, ...)."""
        return tokens.flatten(0, 1).index_select(0, self.index)

    def unpack(self, tokens: torch.Tensor) -> torch.Tensor:
        """Put tokens (T, ...) back into a padded batch (B, L, ...), zeros elsewhere; not after `filled`."""
        flat = tokens.new_zeros((self.batch * self.width, *tokens.shape[1:]))
        return flat.index_copy(0, self.index, tokens).unflatten(0, (self.batch, self.width))

    def select(self, chosen: torch.Tensor) -> Segments:
        """Divide some of the tokens, given by their numbers in ascending order, int64 (M,) on the CPU."""
        counts = torch.bincount(self.segments.row[chosen], minlength=len(self.segments.lengths))
        return Segments.from_lengths(counts.tolist())

    def filled(self, lengths: list[int], token: int) -> PackedRows:
        """Add windows of some lengths, which hold copies of one of the tokens; on the CPU."""
        index = torch.cat([self.index, self.index[token].expand(sum(lengths))])
        segments = Segments.from_lengths([*self.segments.lengths, *lengths])
        return PackedRows(segments, index, self.batch, self.width)

    def prepare(self, bias: torch.Tensor) -> torch.Tensor:
        """Make a bias ready for `attend`, once for all layers.

        Parameters
        ----------
        bias : tensor, shape (H, W, W)
            Added to the scores, by place in the window; W at least the longest window.
        """
        by_place = bias.device.type == "cpu" or packed_attention.uses_flex(bias.device)
        return bias if by_place else packed_attention.hide_padding(bias, self.segments)

    def attend(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        *,
        scale: float | None = None,
        dropout: float = 0.0,
        bias: torch.Tensor | None = None,
        chosen: torch.Tensor | None = None,
        chosen_segments: Segments | None = None,
    ) -> torch.Tensor:
        """Attend within each window.

        Parameters
        ----------
        query : tensor, shape (M, H, D)
            One query per token, or per chosen token.
        key, value : tensor, shape (T, H, D)
        scale : float, optional
            Factor of the scores, 1 / sqrt(D) by default.
        dropout : float
        bias : tensor, optional
            Added to the scores: what `prepare` made of it.
        chosen, chosen_segments : int64 tensor (M,) and Segments, optional
            Which tokens ask, and `select` of them; all by default.

        Returns
        -------
        tensor, shape (M, H, D)
        """
        attention = Attention(
            self.segments,
            self.segments if chosen_segments is None else chosen_segments,
            None if chosen is None or bias is None else self.positions[chosen],
            bias,
            scale,
            dropout,
        )
        return packed_attention.attend(query, key, value, attention)
