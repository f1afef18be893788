"""What of a batch a masked loss computes: the real tokens, and which of them are predicted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from dnamask_plugins.corruption import IGNORED_LABEL
from dnamask_plugins.models.packed_rows import PackedRows
from dnamask_plugins.models.segments import Segments


@dataclass(frozen=True, eq=False)
class Plan:
    """Which tokens of a batch are computed, and which are predicted.

    Attributes
    ----------
    rows : PackedRows
        The T real tokens.
    chosen : int64 tensor, shape (M,)
        Numbers of those with a label, ascending.
    segments : Segments
        How they are divided among the windows.
    targets : int64 tensor, shape (M,)
    places : float tensor, shape (M, w), or None
        Weights of their letters; see `Spellings.places`.
    count : int
        Predicted tokens: M, or fewer where `in_buckets` added some.
    """

    rows: PackedRows
    chosen: torch.Tensor
    segments: Segments
    targets: torch.Tensor
    places: torch.Tensor | None
    count: int

    @classmethod
    def from_batch(
        cls,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None,
        labels: torch.Tensor,
        places: torch.Tensor | None = None,
    ) -> Plan:
        """Plan a padded batch, int64 (B, L) each; a label on padding is not counted.

        Examples
        --------
        >>> ids = torch.tensor([[2, 9, 8, 3], [2, 7, 3, 0]])
        >>> labels = torch.tensor([[-100, 9, -100, -100], [-100, 7, -100, -100]])
        >>> plan = Plan.from_batch(ids, ids != 0, labels)
        >>> plan.rows.index.tolist(), plan.chosen.tolist(), plan.targets.tolist()
        ([0, 1, 2, 3, 4, 5, 6], [1, 5], [9, 7])
        """
        if attention_mask is None:
            attention_mask = torch.ones(input_ids.shape, dtype=torch.bool)
        # On the CPU, so that an accelerator waits for two copies and not for each question about the data;
        # who has the batch on the host anyway makes the plan there, and the device waits for nothing.
        rows = PackedRows.from_attention_mask(attention_mask.to("cpu"))
        targets = rows.pack(labels.to("cpu"))
        chosen = (targets != IGNORED_LABEL).nonzero().flatten()
        places = None if places is None else rows.pack(places.to("cpu"))[chosen]
        plan = cls(rows, chosen, rows.select(chosen), targets[chosen], places, chosen.numel())
        return plan.to(input_ids.device)

    def to(self, device: torch.device, non_blocking: bool = True) -> Plan:
        """Move to a device, without waiting for it."""
        if self.chosen.device == device:
            return self
        return self._moved(
            lambda each: each.to(device),
            lambda each: each.to(device, non_blocking=non_blocking),
        )

    def pin_memory(self) -> Plan:
        """Move into memory that a GPU copies from by itself."""
        return self._moved(lambda each: each.pin_memory(), torch.Tensor.pin_memory)

    def _moved(self, parts: Callable[[Any], Any], tensor: Callable[[torch.Tensor], torch.Tensor]) -> Plan:
        return Plan(
            parts(self.rows),
            tensor(self.chosen),
            parts(self.segments),
            tensor(self.targets),
            None if self.places is None else tensor(self.places),
            self.count,
        )

    def in_buckets(self) -> Plan:
        """Round the numbers of tokens up, so that `torch.compile` sees few shapes; on the host.

        What is added lies in windows of its own, at the end, and its targets are ignored: the loss and the
        gradient are those of the plan.
        """
        lengths = self.rows.segments.lengths
        width = max(lengths, default=0)
        tokens = self.rows.index.numel()
        shown = torch.ones(tokens, dtype=torch.bool)
        shown[self.chosen] = False
        if width < 2 or not shown.any():
            return self
        # As many windows for any number of tokens in this bucket, none longer than the longest there is.
        step = _bucket(tokens, 16)
        windows = -(-(step - 1) // (width - 1))
        more = _shares(_rounded(tokens + windows, step) - tokens, windows)
        asked = _shares(_rounded(self.count, _bucket(self.count, 8)) - self.count, windows)
        starts = tokens + torch.tensor([0, *more[:-1]]).cumsum(0)
        added = torch.repeat_interleave(starts, torch.tensor(asked))
        places = self.places
        if places is not None:
            places = torch.cat([places, places.new_zeros(added.numel(), places.shape[1])])
        return Plan(
            # Not of a [MASK]: ESM divides by the share of a window's tokens that are none.
            self.rows.filled(more, int(shown.nonzero()[0])),
            torch.cat([self.chosen, added]),
            Segments.from_lengths([*self.segments.lengths, *asked]),
            torch.cat([self.targets, torch.full_like(added, IGNORED_LABEL)]),
            places,
            self.count,
        )

    @property
    def flat(self) -> torch.Tensor:
        """Indices of the predicted tokens in the flattened batch, int64 (M,), in the order of the plan."""
        return self.rows.index[self.chosen]


def _bucket(number: int, parts: int) -> int:
    """Return the distance of round numbers near one: at most that part of it, or 64.

    Examples
    --------
    >>> _bucket(300, 16), _bucket(100_000, 16), _bucket(100_000, 8)
    (64, 4096, 8192)
    """
    return max(64, 1 << max(number.bit_length() - parts.bit_length(), 0))


def _rounded(number: int, step: int) -> int:
    """Round up to a multiple of `step`."""
    return -(-number // step) * step


def _shares(number: int, parts: int) -> list[int]:
    """Divide a number into nearly equal parts.

    Examples
    --------
    >>> _shares(7, 3)
    [3, 2, 2]
    """
    return [number // parts + (part < number % parts) for part in range(parts)]
