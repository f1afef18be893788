"""What curricula without a memory share."""

from __future__ import annotations

from typing import Any

from dnamask_plugins.config import Configurable
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.protocols import Metrics, State


class Stateless(Configurable):
    """A curriculum that is a function of the step alone."""

    def initial_state(self) -> State:
        """Return the empty state."""
        return {}

    def update(self, state: State, step: int, metrics: Metrics) -> State:
        """Return the state unchanged: evaluations are not read."""
        return state


class SingleStrategy(Stateless):
    """A stateless curriculum of one strategy, whose rate alone may change."""

    strategy: str

    @property
    def strategies(self) -> tuple[str, ...]:
        """The one strategy."""
        return (self.strategy,)

    @property
    def probes(self) -> tuple[str, ...]:
        """Validation uses the same strategy."""
        return (self.strategy,)


def require_positive(owner: str, **values: Any) -> None:
    """Refuse step counts and the like that are not at least 1.

    Raises
    ------
    ConfigError
        Names the parameter.
    """
    for name, value in values.items():
        if not isinstance(value, int) or value < 1:
            raise ConfigError(f"{owner}: {name} = {value!r} must be a whole number of at least 1")


def check_relative(owner: str, relative: float | None) -> None:
    """Refuse a relative threshold outside (0, 1); None means that none is set.

    Raises
    ------
    ConfigError
    """
    if relative is not None and not (isinstance(relative, (int, float)) and 0 < relative < 1):
        raise ConfigError(f"{owner}: relative = {relative!r} must be a fraction in (0, 1), such as 0.02")


def unique(*names: str) -> tuple[str, ...]:
    """Drop repeated names and keep their order."""
    return tuple(dict.fromkeys(names))
