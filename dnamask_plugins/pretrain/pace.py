"""How fast a run goes and how long it will take, from its first micro-batch on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Pace:
    """Windows a second over the last minutes, and the seconds that are left.

    Parameters
    ----------
    windows : int
        Of the whole run.
    done : int
        Windows before this session.
    clock : callable, optional
        Seconds.

    Examples
    --------
    >>> seconds = iter([0.0, 10.0])
    >>> pace = Pace(windows=1000, done=0, clock=lambda: next(seconds))
    >>> pace.at(0)
    >>> pace.at(50)
    >>> pace.rate, pace.left
    (5.0, 190.0)
    """

    windows: int
    done: int = 0
    clock: Callable[[], float] = time.monotonic
    _seen: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=64))

    def at(self, done: int) -> None:
        """Say how many windows are done now."""
        self.done = done
        self._seen.append((self.clock(), done))

    @property
    def rate(self) -> float | None:
        """Windows a second; None before there are two looks at the clock."""
        if len(self._seen) < 2:
            return None
        (began, first), (now, last) = self._seen[0], self._seen[-1]
        return (last - first) / (now - began) if now > began else None

    @property
    def left(self) -> float | None:
        """Seconds to the end at this rate."""
        return (self.windows - self.done) / self.rate if self.rate else None


def duration(seconds: float) -> str:
    """Write seconds as people say them.

    Examples
    --------
    >>> duration(42), duration(3700), duration(400_000)
    ('42 s', '1 h 2 min', '4 d 15 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"
