"""A curriculum that gives more examples to the strategy whose masks the model fills worst."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dnamask_plugins.config import Configurable
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.types import MaskSpec, check_mask_rate


@dataclass(frozen=True)
class AdaptiveLoss(Configurable):
    """Mix strategies, and after each evaluation move mass towards those of greater loss.

    The loss of a strategy is the log of the perplexity under its own fixed mask. Shares are multiplied by
    exp(speed * loss) and scaled to sum to 1 (exponentiated gradient, Kivinen and Warmuth 1997: the shares
    that maximise the loss), then raised to at least `least`, so that no strategy is forgotten.

    Parameters
    ----------
    strategies : tuple of str
        Two or more strategies.
    speed : float
        0 keeps equal shares; with 1, a strategy whose loss is greater by 0.7 doubles against the other.
    least : float
        Smallest share.
    mask_rate : float

    Raises
    ------
    ConfigError
        Fewer than two strategies, or a parameter out of range.

    Examples
    --------
    >>> curriculum = AdaptiveLoss(("span", "random_token"))
    >>> metrics = {"perplexity/span": 200.0, "perplexity/random_token": 100.0}
    >>> state = curriculum.update(curriculum.initial_state(), 500, metrics)
    >>> [(name, round(share, 3)) for name, share in curriculum.spec(state, 500).weights]
    [('span', 0.667), ('random_token', 0.333)]
    """

    name: ClassVar[str] = "example.adaptive_loss"
    strategies: tuple[str, ...] = ("span", "random_token")
    speed: float = 1.0
    least: float = 0.05
    mask_rate: float = 0.15

    def __post_init__(self) -> None:
        check_mask_rate(self.mask_rate)
        object.__setattr__(self, "strategies", tuple(self.strategies))
        count = len(self.strategies)
        if count < 2 or len(set(self.strategies)) < count:
            raise ConfigError(
                f"{self.name}: strategies {list(self.strategies)} must be two or more, all different"
            )
        if not 0 <= self.least <= 1 / count:
            raise ConfigError(f"{self.name}: least {self.least!r} must be from 0 to 1/{count}")
        if not (math.isfinite(self.speed) and self.speed >= 0):
            raise ConfigError(f"{self.name}: speed {self.speed!r} must be at least 0; 1 is the usual choice")

    @property
    def probes(self) -> tuple[str, ...]:
        """Every strategy: each is measured under its own mask."""
        return self.strategies

    def initial_state(self) -> dict[str, Any]:
        """Return equal shares."""
        return {"shares": [1 / len(self.strategies)] * len(self.strategies), "evaluated_step": -1}

    def spec(self, state: Mapping[str, Any], step: int) -> MaskSpec:
        """Return the mixture of the last evaluation."""
        return MaskSpec.mixture(zip(self.strategies, state["shares"], strict=True), self.mask_rate)

    def update(self, state: Mapping[str, Any], step: int, metrics: Mapping[str, float]) -> dict[str, Any]:
        """Move mass by the losses; an evaluation seen before, or without finite figures, changes nothing."""
        if step <= state["evaluated_step"]:
            return dict(state)
        perplexities = [metrics[f"perplexity/{name}"] for name in self.strategies]
        if not all(math.isfinite(value) and value > 0 for value in perplexities):
            return {**state, "evaluated_step": step}
        losses = [math.log(value) for value in perplexities]
        grown = [
            share * math.exp(self.speed * (loss - max(losses)))
            for share, loss in zip(state["shares"], losses, strict=True)
        ]
        free = 1 - self.least * len(grown)
        shares = [self.least + free * weight / sum(grown) for weight in grown]
        return {"shares": shares, "evaluated_step": step}
