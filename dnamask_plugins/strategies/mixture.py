"""A mixture: each example draws one of several strategies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dnamask_plugins.budget import Budget
from dnamask_plugins.config import Configurable
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.masking import select_mixture
from dnamask_plugins.plugins import create
from dnamask_plugins.rng import RngKey
from dnamask_plugins.types import BoolArray, TokenBatch


@dataclass(frozen=True)
class Mixture(Configurable):
    """Each example draws one strategy, with the given weights, and is masked by it alone.

    Attributes
    ----------
    strategies : sequence
        Strategies, their names, or their configurations ``{"name": ..., **parameters}``.
    weights : sequence of float, or None
        As many, at least 0; only their ratios matter. None: all equal.

    Raises
    ------
    ConfigError
        No strategy, or weights that do not fit.

    Examples
    --------
    >>> mixture = Mixture(["random_token", {"name": "span", "length": 3}], weights=[1, 3])
    >>> mixture.to_config()["strategies"][1]["length"]
    3
    """

    name: ClassVar[str] = "mixture"
    parts: ClassVar[tuple[str, ...]] = ("strategies",)

    strategies: Any = ("random_token", "span")
    weights: Any = None

    def __post_init__(self) -> None:
        if isinstance(self.strategies, (str, Mapping)) or not len(self.strategies):
            raise ConfigError(f"{self.name}: strategies must be a list of one or more strategies")
        built = tuple(as_strategy(strategy) for strategy in self.strategies)
        weights = (
            (1.0,) * len(built) if self.weights is None else tuple(float(weight) for weight in self.weights)
        )
        if len(weights) != len(built) or min(weights) < 0 or not 0 < sum(weights) < np.inf:
            raise ConfigError(
                f"{self.name}: weights {list(weights)} must be one number of at least 0 for each of the "
                f"{len(built)} strategies, not all 0"
            )
        object.__setattr__(self, "strategies", built)
        object.__setattr__(self, "weights", weights)

    @property
    def hides_nucleotides(self) -> bool:
        """Whether all of the strategies hide nucleotides rather than selecting lone tokens."""
        return all(getattr(strategy, "hides_nucleotides", True) for strategy in self.strategies)

    @property
    def reads_sequence(self) -> bool:
        """Whether the mask depends on the letters."""
        return any(getattr(strategy, "reads_sequence", True) for strategy in self.strategies)

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> BoolArray:
        """Return the mask, bool (B, L).

        Parameters
        ----------
        batch : TokenBatch of B examples
        key : RngKey of B examples
        budget : Budget
        """
        # A curriculum may mix mixtures: without a key of its own, the inner draw would repeat the outer one.
        shares = np.array(self.weights) / sum(self.weights)
        return select_mixture(list(self.strategies), shares, batch, key.fold_in(self.name), budget)


def as_strategy(strategy: Any) -> Any:
    """Return a strategy for a strategy, a name or a configuration."""
    if isinstance(strategy, (str, Mapping)):
        return create("strategies", strategy)
    return strategy
