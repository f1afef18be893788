"""A limit on how long a block may take."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

LONGEST: Final = 20
"""Times the limit after which a block is ended on however busy a machine."""


class Expired(Exception):
    """The time limit ran out."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `Expired` in the block after some seconds.

    A block that wants to run and cannot, because the machine is busy with other processes, gets more time.
    Without effect outside the main thread, where no alarm can be set, and where one is set already.
    """
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not usable or signal.getitimer(signal.ITIMER_REAL)[0] > 0:
        yield
        return

    start = usage()

    def expire(*_: object) -> None:
        now = usage()
        if not is_starved(start, now, seconds) or now.wall - start.wall > LONGEST * seconds:
            raise Expired
        signal.setitimer(signal.ITIMER_REAL, seconds)

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Usage(NamedTuple):
    """What the main thread has used: seconds by the clock and of a processor, and how often it lost one."""

    wall: float
    processor: float
    preempted: int


def usage() -> Usage:
    """Return the usage of now."""
    import resource

    used = resource.getrusage(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF))
    return Usage(time.monotonic(), used.ru_utime + used.ru_stime, used.ru_nivcsw)


def is_starved(start: Usage, now: Usage, seconds: float) -> bool:
    """Say whether a thread had too little of a processor to use up its time, although it wanted to run.

    One that sleeps gives the processor up by itself; one that waits was preempted many times a second.

    Examples
    --------
    >>> asleep, waiting = Usage(120.0, 0.1, 2), Usage(120.0, 9.0, 3000)
    >>> [is_starved(Usage(0.0, 0.0, 0), now, seconds=120.0) for now in (asleep, waiting)]
    [False, True]
    """
    used = now.processor - start.processor
    return used < seconds / 2 and now.preempted - start.preempted > now.wall - start.wall
