"""Files that once crashed a reader, or might have: each is read, or refused in an error of ours."""

from __future__ import annotations

from pathlib import Path

import hostile_inputs
import pytest

CASES = sorted((Path(__file__).parent / "cases").glob("*/*"))


def test_every_target_has_cases_and_every_case_a_target() -> None:
    assert {case.parent.name for case in CASES} == set(hostile_inputs.TARGETS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_is_read_or_refused(case: Path) -> None:
    hostile_inputs.TARGETS[case.parent.name](case.read_bytes())
