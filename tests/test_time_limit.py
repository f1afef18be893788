"""A limit on a block: one that hangs is ended, one that waits for a busy machine is not."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

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
