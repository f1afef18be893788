from __future__ import annotations

from typing import Any

import pytest

from dnamask_plugins.pretrain import progress as module
from dnamask_plugins.pretrain.pace import Pace, duration
from dnamask_plugins.pretrain.run import pretrain


def test_pace_counts_what_was_done_in_this_session_only() -> None:
    seconds = iter([0.0, 10.0, 20.0])
    pace = Pace(windows=1000, done=500, clock=lambda: next(seconds))
    assert pace.rate is None
    for done in (500, 520, 600):
        pace.at(done)
    assert pace.rate == 5.0
    assert pace.left == 80.0


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59, "59 s"), (3599, "1 h 0 min"), (86400 * 3, "3 d 0 h")]
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_run_says_its_cost_first_and_its_rate_without_a_terminal(
    tiny: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FIRST_LINE", 0.0)
    monkeypatch.setattr(module, "_LINE_EVERY", 0.0)
    settings = tiny()
    pretrain(settings)
    lines = capsys.readouterr().err.splitlines()
    steps = settings.trainer_arguments["max_steps"]
    first = next(line for line in lines if "windows" in line)
    assert first.startswith(f"{steps} steps of ")
    assert any("windows/s" in line and "left" in line for line in lines)


def test_quiet_is_quiet(tiny: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pretrain(tiny(), quiet=True)
    assert "windows" not in capsys.readouterr().err
