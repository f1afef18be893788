"""One strategy and one rate throughout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dnamask_plugins.curricula.base import SingleStrategy
from dnamask_plugins.protocols import State
from dnamask_plugins.types import MaskSpec, check_mask_rate


@dataclass(frozen=True)
class Constant(SingleStrategy):
    """The same strategy and mask rate at every step.

    Parameters
    ----------
    strategy : str
        Name of a strategy.
    mask_rate : float
        Target fraction in (0, 1].

    Examples
    --------
    >>> Constant("span").spec({}, 10_000)
    MaskSpec(weights=(('span', 1.0),), mask_rate=0.15)
    """

    name: ClassVar[str] = "constant"
    strategy: str = "genemask"
    mask_rate: float = 0.15

    def __post_init__(self) -> None:
        check_mask_rate(self.mask_rate)

    def spec(self, state: State, step: int) -> MaskSpec:
        """Return the same spec at every step."""
        return MaskSpec.single(self.strategy, self.mask_rate)
