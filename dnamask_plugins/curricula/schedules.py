"""Mask rates that move along a line or a cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from dnamask_plugins.curricula.base import SingleStrategy, require_positive
from dnamask_plugins.protocols import State
from dnamask_plugins.types import MaskSpec, check_mask_rate


@dataclass(frozen=True)
class _RateSchedule(SingleStrategy):
    strategy: str = "genemask"
    start: float = 0.30
    end: float = 0.15
    steps: int = 10_000

    def __post_init__(self) -> None:
        check_mask_rate(self.start)
        check_mask_rate(self.end)
        require_positive(self.name, steps=self.steps)

    def _share_of_end(self, progress: float) -> float:
        raise NotImplementedError

    def spec(self, state: State, step: int) -> MaskSpec:
        """Return the strategy with the rate of this step; the last rate holds from `steps` on."""
        share = self._share_of_end(min(step / self.steps, 1.0))
        return MaskSpec.single(self.strategy, self.start + share * (self.end - self.start))


@dataclass(frozen=True)
class Linear(_RateSchedule):
    """Mask rate on a straight line from `start` at step 0 to `end` at step `steps`.

    Parameters
    ----------
    strategy : str
    start, end : float
        Mask rates in (0, 1].
    steps : int
        Optimizer steps until `end` is reached.

    Examples
    --------
    >>> round(Linear("span", 0.3, 0.1, steps=100).spec({}, 50).mask_rate, 3)
    0.2
    """

    name: ClassVar[str] = "linear"

    def _share_of_end(self, progress: float) -> float:
        return progress


@dataclass(frozen=True)
class Cosine(_RateSchedule):
    """Mask rate on half a cosine from `start` at step 0 to `end` at step `steps`.

    Parameters
    ----------
    strategy : str
    start, end : float
        Mask rates in (0, 1].
    steps : int
        Optimizer steps until `end` is reached.

    Examples
    --------
    >>> round(Cosine("span", 0.3, 0.1, steps=100).spec({}, 25).mask_rate, 3)
    0.271
    """

    name: ClassVar[str] = "cosine"

    def _share_of_end(self, progress: float) -> float:
        return (1 - math.cos(math.pi * progress)) / 2
