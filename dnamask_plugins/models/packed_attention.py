"""Windows of different lengths without padding: how they lie in memory, and attention among each one's own.

A batch of B rows of which T tokens are real is kept as one array of T tokens. Everything in a transformer
works on tokens one at a time, except attention; `PackedRows.attend` keeps that within each window. On a
CPU windows of one length share a call of PyTorch's attention and others have their own; on a GPU either
the variable-length kernel is used, or the windows are padded for the length of that one call.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.nn.functional import pad, scaled_dot_product_attention

try:
    from torch.nn.attention.varlen import varlen_attn as _varlen_attn

    varlen_attn: Any = _varlen_attn
except ImportError:  # PyTorch before 2.10
    varlen_attn = None
# The first versions of the kernel's interface had no scale.
_KERNEL_SCALES: Final = varlen_attn is not None and "scale" in inspect.signature(varlen_attn).parameters


_WIDTH_STEP: Final = 64


@dataclass(frozen=True, eq=False)
class Segments:
    """How T tokens are divided among B windows, in order.

    Attributes
    ----------
    lengths : tuple of int, length B
    row : int64 tensor, shape (T,)
        Window of each token.
    slot : int64 tensor, shape (T,)
        Place of each token among those of its window.
    cumulative : int32 tensor, shape (B + 1,)
        Where each window starts, and T.
    width : int
        At least the longest window.
    """

    lengths: tuple[int, ...]
    row: torch.Tensor
    slot: torch.Tensor
    cumulative: torch.Tensor
    width: int

    @classmethod
    def from_lengths(cls, lengths: list[int]) -> Segments:
        """Divide ``sum(lengths)`` tokens; the tensors are on the CPU.

        Examples
        --------
        >>> Segments.from_lengths([2, 3]).slot.tolist()
        [0, 1, 0, 1, 2]
        """
        counts = torch.tensor(lengths, dtype=torch.int64)
        cumulative = torch.zeros(len(lengths) + 1, dtype=torch.int64)
        torch.cumsum(counts, 0, out=cumulative[1:])
        row = torch.repeat_interleave(torch.arange(len(lengths)), counts)
        slot = torch.arange(int(cumulative[-1])) - cumulative[row]
        return cls(tuple(lengths), row, slot, cumulative.to(torch.int32), max(lengths, default=0))

    def to(self, device: torch.device) -> Segments:
        """Move to a device. There the width is rounded up, so that a compiled graph sees few of them."""
        if device.type == "cpu":
            return self
        return Segments(
            self.lengths,
            self.row.to(device, non_blocking=True),
            self.slot.to(device, non_blocking=True),
            self.cumulative.to(device, non_blocking=True),
            -(-self.width // _WIDTH_STEP) * _WIDTH_STEP,
        )

    def pin_memory(self) -> Segments:
        """Move into memory that a GPU copies from by itself."""
        row, slot, cumulative = (each.pin_memory() for each in (self.row, self.slot, self.cumulative))
        return Segments(self.lengths, row, slot, cumulative, self.width)

    def grid(self, tokens: torch.Tensor) -> torch.Tensor:
        """Lay tokens (T, ...) out as padded rows (B, width, ...), then zeros."""
        padded = tokens.new_zeros((self.cumulative.shape[0] - 1, self.width, *tokens.shape[1:]))
        return padded.index_put((self.row, self.slot), tokens)

    def visible(self) -> torch.Tensor:
        """Mark what is a token in `grid`, bool (B, width)."""
        counts = self.cumulative[1:] - self.cumulative[:-1]
        return torch.arange(self.width, device=counts.device)[None, :] < counts[:, None]


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
        """Put tokens (T, ...) back into a padded batch (B, L, ...), zeros elsewhere."""
        flat = tokens.new_zeros((self.batch * self.width, *tokens.shape[1:]))
        return flat.index_copy(0, self.index, tokens).unflatten(0, (self.batch, self.width))

    def select(self, chosen: torch.Tensor) -> Segments:
        """Divide some of the tokens, given by their numbers in ascending order, int64 (M,) on the CPU."""
        counts = torch.bincount(self.segments.row[chosen], minlength=len(self.segments.lengths))
        return Segments.from_lengths(counts.tolist())

    def prepare(self, bias: torch.Tensor) -> torch.Tensor:
        """Make a bias ready for `attend`, once for all layers.

        Parameters
        ----------
        bias : tensor, shape (H, W, W)
            Added to the scores, by place in the window; W at least the longest window.
        """
        return bias if bias.device.type == "cpu" else self._hide_padding(bias)

    def _hide_padding(self, bias: torch.Tensor) -> torch.Tensor:
        width = self.segments.width
        short = width - bias.shape[-1]
        if short > 0:
            bias = pad(bias, (0, short, 0, short))
        visible = self.segments.visible()[:, None, None, :]
        return torch.where(visible, bias[None, :, :width, :width], torch.finfo(bias.dtype).min)

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
        asking = self.segments if chosen_segments is None else chosen_segments
        if query.device.type == "cpu":
            return self._attend_in_groups(query, key, value, asking, chosen, bias, scale, dropout)
        half = query.dtype in (torch.float16, torch.bfloat16)
        plain = bias is None and dropout == 0 and (scale is None or _KERNEL_SCALES)
        if half and plain and _has_kernel(query.device):
            cumulative, width = self.segments.cumulative, self.segments.width
            options = {} if scale is None else {"scale": scale}
            return varlen_attn(
                query, key, value, asking.cumulative, cumulative, asking.width, width, **options
            )
        return self._attend_padded(query, key, value, asking, chosen, bias, scale, dropout)

    def _attend_in_groups(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        asking: Segments,
        chosen: torch.Tensor | None,
        bias: torch.Tensor | None,
        scale: float | None,
        dropout: float,
    ) -> torch.Tensor:
        lengths = self.segments.lengths
        if chosen is None:
            groups = [(length, len(list(same))) for length, same in itertools.groupby(lengths)]
            asked = [length for length, _ in groups]
        else:
            groups = [(length, 1) for length in lengths]
            asked = list(asking.lengths)
        sizes = [length * count for length, count in groups]
        query_sizes = [length * count for length, (_, count) in zip(asked, groups, strict=True)]
        places = None if chosen is None or bias is None else self.positions[chosen].split(query_sizes)
        # split and not slices: the backward pass of a split writes each gradient once.
        parts = zip(
            query.split(query_sizes), key.split(sizes), value.split(sizes), groups, asked, strict=True
        )
        outputs = []
        for number, (part_query, part_key, part_value, (length, count), queries) in enumerate(parts):
            if not queries:
                continue
            mask: torch.Tensor | None = None
            if bias is not None:
                mask = bias[:, :length, :length] if places is None else bias[:, places[number], :length]
                mask = mask[None].expand(count, -1, -1, -1)
            attended = scaled_dot_product_attention(
                part_query.unflatten(0, (count, queries)).transpose(1, 2),
                part_key.unflatten(0, (count, length)).transpose(1, 2),
                part_value.unflatten(0, (count, length)).transpose(1, 2),
                attn_mask=mask,
                dropout_p=dropout,
                scale=scale,
            )
            outputs.append(attended.transpose(1, 2).flatten(0, 1))
        if not outputs:
            # Nobody asks: nothing is returned, but the graph still reaches every parameter.
            return query + 0 * (key.sum() + value.sum())
        return torch.cat(outputs)

    def _attend_padded(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        asking: Segments,
        chosen: torch.Tensor | None,
        bias: torch.Tensor | None,
        scale: float | None,
        dropout: float,
    ) -> torch.Tensor:
        mask: torch.Tensor
        if bias is None:
            mask = self.segments.visible()[:, None, None, :]
        else:
            mask = self._hide_padding(bias) if bias.dim() == 3 else bias
            if chosen is not None:
                places = asking.grid(self.positions[chosen])
                windows = torch.arange(places.shape[0], device=places.device)[:, None]
                mask = mask[windows, :, places].transpose(1, 2)
        attended = scaled_dot_product_attention(
            asking.grid(query).transpose(1, 2),
            self.segments.grid(key).transpose(1, 2),
            self.segments.grid(value).transpose(1, 2),
            attn_mask=mask,
            dropout_p=dropout,
            scale=scale,
        )
        return attended.transpose(1, 2)[asking.row, asking.slot]


@torch.compiler.assume_constant_result
@functools.cache
def _has_kernel(device: torch.device) -> bool:
    """Say whether the variable-length kernel runs on a device: NVIDIA, Ampere or later."""
    if varlen_attn is None or device.type != "cuda" or torch.version.hip is not None:
        return False
    return torch.cuda.get_device_capability(device)[0] >= 8


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
