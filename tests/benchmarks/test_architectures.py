"""A few architectures go the whole way here; all of them do by the command that writes the page."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import transformers

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.architectures import run  # noqa: E402
from benchmarks.architectures.journey import STEPS, travel  # noqa: E402
from benchmarks.architectures.tiny import architectures  # noqa: E402


@pytest.mark.parametrize("kind", ["distilbert", "longformer", "modernbert"])
def test_an_architecture_goes_from_a_configuration_to_a_probe(
    kind: str, small_corpus: Path, small_table: Path, tmp_path: Path
) -> None:
    journey = travel(kind, small_corpus, small_table, tmp_path)
    assert journey.reason == ""
    assert tuple(journey.done) == STEPS


def test_the_page_is_made_from_the_results_and_names_every_architecture() -> None:
    results = json.loads(run.RESULTS.read_text())
    assert run.PAGE.read_text() == run.page(results)
    if transformers.__version__ == results["transformers"]:
        assert set(architectures()) <= set(results["rows"])
