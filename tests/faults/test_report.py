"""The page of figures is what the records say."""

from __future__ import annotations

import report


def test_the_page_is_written_from_the_records() -> None:
    assert report.PAGE.read_text() == report.page()


def test_no_study_found_a_difference_and_no_fuzzer_ends_in_a_crash() -> None:
    for name in ("pretrain", "command"):
        for curriculum, result in report.record(f"kill_{name}")["result"].items():
            assert result["differences"] == [], (name, curriculum)
    for name in ("gue", "npmi", "corpus"):
        assert report.record(f"kill_{name}")["result"]["differences"] == []
    assert not any(entry["last_call"]["crashed"] for entry in report.record("fuzzing").values())
