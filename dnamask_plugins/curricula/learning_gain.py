"""More of the strategy that the model is learning from, as measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from dnamask_plugins.config import Configurable
from dnamask_plugins.curricula.base import unique
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.protocols import Metrics, State
from dnamask_plugins.types import MaskSpec, check_mask_rate


@dataclass(frozen=True)
class LearningGain(Configurable):
    """Share out the examples by how fast perplexity falls under the mask of each strategy.

    Nothing is called easy or hard beforehand and nothing is switched for good: at every evaluation the gain
    of a strategy is the drop of its log perplexity since the evaluation before (0 where it rose), smoothed
    over evaluations. Shares are in proportion to the gains, above a floor that keeps every strategy in play,
    so that one which stopped teaching can come back. Without any gain the shares are equal.

    Our own; the idea that progress should choose the lesson is that of Graves et al. (ICML 2017) and of
    Matiisen et al. (teacher-student curriculum learning, 2017).

    Parameters
    ----------
    candidates : sequence of str
        Names of strategies, two or more.
    floor : float
        Part of the examples that is shared out equally, in [0, 1]; 1 is an even mixture.
    smoothing : float
        Weight of the newest gain, in (0, 1]; 1 forgets the gains before.
    mask_rate : float

    Examples
    --------
    >>> curriculum = LearningGain(["span", "genemask"], floor=0.2, smoothing=1.0)
    >>> state = curriculum.initial_state()
    >>> for step, span, genemask in ((100, 900.0, 950.0), (200, 450.0, 950.0)):
    ...     measured = {"perplexity": span, "perplexity/span": span, "perplexity/genemask": genemask}
    ...     state = curriculum.update(state, step, measured)
    >>> curriculum.spec(state, 200).weights
    (('span', 0.9), ('genemask', 0.1))
    """

    name: ClassVar[str] = "learning_gain"
    candidates: Sequence[str] = ("span", "genemask", "global_npmi")
    floor: float = 0.3
    smoothing: float = 0.5
    mask_rate: float = 0.15

    def __post_init__(self) -> None:
        check_mask_rate(self.mask_rate)
        if isinstance(self.candidates, str) or len(unique(*self.candidates)) < 2:
            raise ConfigError(f"{self.name}: candidates must be a list of two or more different strategies")
        if len(unique(*self.candidates)) != len(self.candidates):
            raise ConfigError(f"{self.name}: candidates {list(self.candidates)} name a strategy twice")
        if not 0 <= self.floor <= 1:
            raise ConfigError(f"{self.name}: floor {self.floor:g} is outside [0, 1]; 0.3 is the default")
        if not 0 < self.smoothing <= 1:
            raise ConfigError(f"{self.name}: smoothing {self.smoothing:g} is outside (0, 1]; try 0.5")
        object.__setattr__(self, "candidates", tuple(self.candidates))

    @property
    def strategies(self) -> tuple[str, ...]:
        """The candidates."""
        return tuple(self.candidates)

    @property
    def probes(self) -> tuple[str, ...]:
        """The masks of all candidates: their perplexities are what is compared."""
        return tuple(self.candidates)

    def initial_state(self) -> State:
        """Return the state of a run that has not been evaluated: equal shares."""
        count = len(self.candidates)
        return {"evaluated_step": -1, "loss": None, "gain": None, "share": [1 / count] * count}

    def spec(self, state: State, step: int) -> MaskSpec:
        """Return the shares in force."""
        return MaskSpec.mixture(zip(self.candidates, state["share"], strict=True), self.mask_rate)

    def update(self, state: State, step: int, metrics: Metrics) -> State:
        """Measure the gains since the evaluation before; a step that was evaluated already changes nothing.

        An evaluation without a finite perplexity for each candidate is passed over.
        """
        if step <= state["evaluated_step"]:
            return state
        perplexities = [metrics.get(f"perplexity/{name}", math.nan) for name in self.candidates]
        if not all(math.isfinite(each) and each > 0 for each in perplexities):
            return {**state, "evaluated_step": step}
        loss = [math.log(each) for each in perplexities]
        gain, share = state["gain"], state["share"]
        if state["loss"] is not None:
            newest = [max(before - now, 0.0) for before, now in zip(state["loss"], loss, strict=True)]
            earlier = newest if gain is None else gain
            gain = [
                (1 - self.smoothing) * old + self.smoothing * new
                for old, new in zip(earlier, newest, strict=True)
            ]
            share = self._shares(gain)
        return {"evaluated_step": step, "loss": loss, "gain": gain, "share": share}

    def _shares(self, gain: Sequence[float]) -> list[float]:
        total = sum(gain)
        even = 1 / len(gain)
        if not total > 0:
            return [even] * len(gain)
        return [self.floor * even + (1 - self.floor) * each / total for each in gain]
