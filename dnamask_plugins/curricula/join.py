"""Curricula one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from dnamask_plugins.config import Configurable
from dnamask_plugins.curricula.base import unique
from dnamask_plugins.curricula.piecewise import check_boundaries
from dnamask_plugins.plugins import create
from dnamask_plugins.protocols import Curriculum, Metrics, State
from dnamask_plugins.types import MaskSpec


@dataclass(frozen=True)
class Join(Configurable):
    """Run curricula in sequence; each counts its steps from its own beginning.

    Parameters
    ----------
    parts : sequence of Curriculum or of their configurations
    boundaries : sequence of int
        Step at which each part but the first begins.

    Examples
    --------
    >>> from dnamask_plugins.curricula.constant import Constant
    >>> from dnamask_plugins.curricula.schedules import Linear
    >>> joined = Join([Constant("span"), Linear("genemask", 0.3, 0.1, steps=100)], [50])
    >>> round(joined.spec(joined.initial_state(), 100).mask_rate, 2)
    0.2
    """

    name: ClassVar[str] = "join"
    parts: Sequence[Any] = ({"name": "constant"},)
    boundaries: Sequence[int] = ()

    def __post_init__(self) -> None:
        check_boundaries(self.name, self.boundaries, len(self.parts))
        built = tuple(
            create("curricula", part) if isinstance(part, (str, dict)) else part for part in self.parts
        )
        object.__setattr__(self, "parts", built)
        object.__setattr__(self, "boundaries", tuple(self.boundaries))

    @property
    def strategies(self) -> tuple[str, ...]:
        """The strategies of all parts."""
        return unique(*(name for part in self.parts for name in part.strategies))

    @property
    def probes(self) -> tuple[str, ...]:
        """The probes of all parts."""
        return unique(*(name for part in self.parts for name in part.probes))

    def initial_state(self) -> State:
        """Return the states of all parts."""
        return {"parts": [dict(part.initial_state()) for part in self.parts]}

    def _active(self, step: int) -> tuple[int, Curriculum, int]:
        index = bisect_right(self.boundaries, step)
        begin = self.boundaries[index - 1] if index else 0
        return index, self.parts[index], step - begin

    def spec(self, state: State, step: int) -> MaskSpec:
        """Return what the part that holds at a step says."""
        index, part, local_step = self._active(step)
        return part.spec(state["parts"][index], local_step)

    def update(self, state: State, step: int, metrics: Metrics) -> State:
        """Hand the evaluation to the part that holds at a step, with its own perplexity as the first."""
        index, part, local_step = self._active(step)
        own = dict(metrics)
        if part.probes and f"perplexity/{part.probes[0]}" in metrics:
            own["perplexity"] = metrics[f"perplexity/{part.probes[0]}"]
        states = list(state["parts"])
        states[index] = dict(part.update(states[index], local_step, own))
        return {"parts": states}
