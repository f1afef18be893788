"""The example from a table to answers: tables as the page describes them, results of its own commands."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.own_data import make_tables, run  # noqa: E402
from dnamask_plugins.inference.sequences import read_pieces  # noqa: E402
from dnamask_plugins.inference.variants import contexts, read_variants  # noqa: E402


def test_the_tables_are_made_from_the_genomes_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    make_tables.main()
    with open("species.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert Counter(row["label"] for row in rows) == {"fly": 1000, "yeast": 1000}
    assert {len(row["sequence"]) for row in rows} == {200}
    # Every reference allele of the VCF is what the FASTA has there.
    listed = read_variants("variants.vcf")
    assert len(list(contexts(listed, read_pieces("promoter.fa"), 200, "promoter.fa"))) == len(listed)


def test_the_results_are_of_the_commands_that_stand_here():
    results = json.loads((run.HERE / "results.json").read_text())
    assert {name: each["command"] for name, each in results.items()} == run.COMMANDS
