"""Large batches are masked by several threads: compiled loops let go of Python's lock."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

_TOKENS_A_THREAD: Final = 1 << 16
"""Fewer are masked in the time that it takes to wake a thread a few times."""


def in_threads(work: Callable[[slice], None], rows: int, width: int) -> None:
    """Do some work on the rows of a batch; where it has many tokens, in parts and at the same time.

    Every row has numbers of its own (`rng`), so that the parts do not change the result.

    Parameters
    ----------
    work : callable
        Takes a slice of the rows, and writes what it finds into arrays of the caller.
    rows, width : int
        Shape of the batch, (B, L). At most as many threads are used as numba may: one for each core of the
        process, or what ``NUMBA_NUM_THREADS`` says.

    Examples
    --------
    >>> found = [0] * 6
    >>> in_threads(lambda part: found.__setitem__(part, [1] * len(found[part])), 6, 100_000)
    >>> found
    [1, 1, 1, 1, 1, 1]
    """
    parts = min(rows, rows * width // _TOKENS_A_THREAD)
    if parts > 1:
        parts = min(parts, _cores())
    if parts <= 1:
        work(slice(0, rows))
        return
    edges = [rows * part // parts for part in range(parts + 1)]
    pool = _pool()
    others = [pool.submit(work, slice(*edges[part : part + 2])) for part in range(1, parts)]
    try:
        work(slice(0, edges[1]))
    finally:
        for other in others:
            other.result()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_cores(), thread_name_prefix="masking")


def _cores() -> int:
    import numba

    return int(numba.config.NUMBA_NUM_THREADS)


if hasattr(os, "register_at_fork"):
    # The threads of a pool do not follow into a forked process.
    os.register_at_fork(after_in_child=_pool.cache_clear)
