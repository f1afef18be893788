"""Losses that are not finite: noticed without asking the device at every micro-batch."""

from __future__ import annotations

from typing import Final

import torch

from dnamask_plugins.errors import DnamaskError

_MOST_KEPT: Final = 4096
"""Losses that wait for a look at most, where a run logs and saves seldom."""


class NonFiniteLoss(DnamaskError):
    """The loss became NaN or infinite."""

    exit_code = 3


class LossWatch:
    """Keeps losses where they were computed; looks at them when somebody waits for the device anyway."""

    def __init__(self) -> None:
        self._losses: list[torch.Tensor] = []
        self._places: list[str] = []

    def add(self, loss: torch.Tensor, place: str) -> None:
        """Keep a loss, shape (); `place` says step, strategy and examples."""
        self._losses.append(loss.detach())
        self._places.append(place)
        if len(self._losses) >= _MOST_KEPT:
            self.check()

    def check(self) -> None:
        """Look at the losses since the last look.

        Raises
        ------
        NonFiniteLoss
            Names the first that is not finite.
        """
        losses, places = self._losses, self._places
        self._losses, self._places = [], []
        if not losses:
            return
        for value, place in zip(torch.stack(losses).float().tolist(), places, strict=True):
            if value - value != 0:
                raise NonFiniteLoss(
                    f"the loss is {value} {place}; the last checkpoint is intact: lower the learning rate or "
                    "raise the warm-up and run again with --resume"
                )
