"""How the tokens of several windows lie one after the other in one array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch

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
