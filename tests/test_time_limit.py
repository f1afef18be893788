"""A limit on a block: one that hangs is ended, one that waits for a busy machine is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from numba.core.compiler_lock import global_compiler_lock

from dnamask_plugins.plugins import time_limit as module
from dnamask_plugins.plugins.time_limit import Expired, Usage, time_limit


def forever_busy() -> None:
    while True:
        pass


@pytest.mark.parametrize("hang", [forever_busy, lambda: time.sleep(60)], ids=["busy", "asleep"])
def test_what_hangs_is_ended(hang) -> None:
    with pytest.raises(Expired), time_limit(0.1):
        hang()


def starved() -> Iterator[Usage]:
    """Little processor time, and often sent off it: as on a machine with twenty other processes."""
    for second in range(1000):
        yield Usage(second, second / 1000, 30 * second)


def test_what_waits_for_a_processor_gets_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = starved()
    monkeypatch.setattr(module, "usage", lambda: next(figures))
    monkeypatch.setattr(module, "LONGEST", 1000)
    with time_limit(0.05):
        time.sleep(0.3)
    assert next(figures).wall > 3


def test_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = starved()
    monkeypatch.setattr(module, "usage", lambda: next(figures))
    monkeypatch.setattr(module, "LONGEST", 40)
    with pytest.raises(Expired), time_limit(0.05):
        time.sleep(60)


def test_a_compilation_may_take_longer() -> None:
    with time_limit(0.3), global_compiler_lock:
        time.sleep(0.32)


def test_a_compilation_in_another_thread_is_seen() -> None:
    ended, held = threading.Event(), threading.Event()

    def compile_something() -> None:
        with global_compiler_lock:
            held.set()
            ended.wait(5)

    thread = threading.Thread(target=compile_something)
    thread.start()
    held.wait(5)
    seen = module.is_compiling()
    ended.set()
    thread.join()
    assert (seen, module.is_compiling()) == (True, False)
