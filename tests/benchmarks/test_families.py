"""The page of families is what the program made of its results, and has a row for every backbone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dnamask_plugins import plugins

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "backbones"))
    import families

    return families


def test_the_page_is_made_of_the_results(program: Any) -> None:
    results = json.loads((ROOT / "benchmarks/backbones/results/families.json").read_text())
    assert (ROOT / "docs/reference/families.md").read_text() == program.page(results)
    assert [row["family"] for row in results["rows"]] == [row.family for row in program.ROWS]


def test_every_backbone_has_a_row(program: Any) -> None:
    ours = {
        name
        for name, found in plugins.discover("backbones").items()
        if found[0].distribution == "dnamask-plugins"
    }
    assert ours == {row.backbone for row in program.ROWS}


def test_a_cell_says_why_something_does_not_work(program: Any, tmp_path: Path) -> None:
    """Where a family cannot even be written, every cell has the reason."""
    row = program.Row("broken", "bert_tiny", lambda folder, genome: None)
    cells = program.fill(row, tmp_path)
    assert set(cells) == set(program.COLUMNS)
    assert all(len(set(cells.values())) == 1 and "Error" in cell for cell in cells.values())
