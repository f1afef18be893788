"""Centres: the nucleotides that a strategy draws first, and the rate at which it draws them."""

from __future__ import annotations

from dnamask_plugins.errors import ConfigError


def check_center_rate(strategy: str, center_rate: float | None) -> None:
    """Raise a ConfigError unless a centre rate is absent or in (0, 1]."""
    if center_rate is not None and not 0 < center_rate <= 1:
        raise ConfigError(
            f"{strategy}: center_rate {center_rate:g} is outside (0, 1]; leave it out to follow the mask rate"
        )
