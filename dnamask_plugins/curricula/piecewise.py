"""Stages with fixed boundaries."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from dnamask_plugins.curricula.base import Stateless, unique
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.protocols import State
from dnamask_plugins.types import MaskSpec, check_mask_rate


def check_boundaries(owner: str, boundaries: Sequence[int], parts: int) -> None:
    """Refuse boundaries that do not separate the parts in rising order.

    Raises
    ------
    ConfigError
        The number of boundaries is not one less than that of the parts, or they do not rise from above 0.
    """
    rising = all(a < b for a, b in zip((0, *boundaries), boundaries, strict=False))
    if len(boundaries) != parts - 1 or not rising:
        raise ConfigError(
            f"{owner}: boundaries {list(boundaries)} must be {parts - 1} rising steps above 0, "
            f"one between each two of the {parts} parts"
        )


@dataclass(frozen=True)
class Piecewise(Stateless):
    """Strategy and rate that change at given steps.

    Parameters
    ----------
    stages : sequence of (strategy, mask_rate)
    boundaries : sequence of int
        Step at which each stage but the first begins.

    Examples
    --------
    >>> curriculum = Piecewise([("genemask", 0.15), ("global_npmi", 0.15)], [500])
    >>> [curriculum.spec({}, step).weights[0][0] for step in (499, 500)]
    ['genemask', 'global_npmi']
    """

    name: ClassVar[str] = "piecewise"
    stages: Sequence[Any] = (("genemask", 0.15),)
    boundaries: Sequence[int] = ()

    def __post_init__(self) -> None:
        check_boundaries(self.name, self.boundaries, len(self.stages))
        for stage in self.stages:
            if len(stage) != 2 or not isinstance(stage[0], str):
                raise ConfigError(f"piecewise: stage {stage!r} must be a pair of strategy and mask rate")
            check_mask_rate(stage[1])
        object.__setattr__(self, "stages", tuple((str(name), float(rate)) for name, rate in self.stages))
        object.__setattr__(self, "boundaries", tuple(self.boundaries))

    @property
    def strategies(self) -> tuple[str, ...]:
        """The strategies of all stages."""
        return unique(*(strategy for strategy, _ in self.stages))

    @property
    def probes(self) -> tuple[str, ...]:
        """Validation uses the first stage's strategy throughout."""
        return self.strategies[:1]

    def spec(self, state: State, step: int) -> MaskSpec:
        """Return the stage that holds at a step."""
        strategy, rate = self.stages[bisect_right(self.boundaries, step)]
        return MaskSpec.single(strategy, rate)
