"""A limit on how long a block may take."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import Any, Final, NamedTuple

LONGEST: Final = 20
"""Times the limit after which a block is ended on however busy a machine."""


class Expired(Exception):
    """The time limit ran out."""


class time_limit:
    """Context manager that raises `Expired` in its block after some seconds.

    A block that wants to run and cannot, because the machine is busy with other processes, gets more time;
    so does one in which numba compiles, because an exception in the middle leaves a function that fails
    whenever it is called. Without effect outside the main thread, where no alarm can be set, and where one is
    set already. (A class and not a generator: masks are made within it, and this takes half the time.)

    Parameters
    ----------
    seconds : float
    """

    __slots__ = ("_before", "_start", "_usable", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        in_main = threading.get_ident() == threading.main_thread().ident
        self._usable = (
            in_main and hasattr(signal, "setitimer") and not signal.getitimer(signal.ITIMER_REAL)[0]
        )
        if self._usable:
            self._start = usage()
            self._before = signal.signal(signal.SIGALRM, self._expire)
            signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_: object) -> None:
        if self._usable:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL if self._before is None else self._before)

    def _expire(self, *_: object) -> None:
        now = usage()
        excused = is_compiling() or is_starved(self._start, now, self.seconds)
        if not excused or now.wall - self._start.wall > LONGEST * self.seconds:
            raise Expired
        signal.setitimer(signal.ITIMER_REAL, self.seconds)


def is_compiling() -> bool:
    """Say whether numba compiles something in this process, in whichever thread."""
    module = sys.modules.get("numba.core.compiler_lock")
    if module is None:
        return False
    lock: Any = module.global_compiler_lock
    # The first asks whether this thread holds it, the second whether another does.
    return bool(lock.is_locked() or lock._is_owned())


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
