"""Part of a sequence, as a user writes it."""

from __future__ import annotations

from dnamask_plugins.errors import ConfigError


def parse_region(region: str) -> tuple[int, int]:
    """Read START-STOP, 0-based and half-open.

    Raises
    ------
    ConfigError
        It is nothing of the kind.

    Examples
    --------
    >>> parse_region("1000-1510")
    (1000, 1510)
    """
    try:
        start, stop = (int(part) for part in region.split("-"))
    except ValueError:
        raise ConfigError(f"--region is START-STOP, such as 1000-1510, not '{region}'") from None
    return start, stop
