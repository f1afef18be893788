"""A figure that is not above a floor is named, of the same test rows only."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from harness_records import MOUSE, TATA, write_record

from dnamask_plugins.cli import main
from dnamask_plugins.results import record_files
from dnamask_plugins.results.floors import _shipped, floors_of, is_floor, to_json
from dnamask_plugins.results.records import ModelInfo, RunInfo

HASHED = dataclasses.replace(TATA, data_sha256={"test": "a" * 64})
OTHER = dataclasses.replace(MOUSE, data_sha256={"test": "b" * 64})
KMERS = ModelInfo("k-mer counts", "baseline:kmers", backbone="k-mer counts")


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    write_record(tmp_path / "a", "low", HASHED, right=0.55)
    write_record(tmp_path / "b", "high", HASHED, right=0.95)
    write_record(tmp_path / "floors", task=HASHED, right=0.8, model=KMERS, run=RunInfo(method="baseline"))
    write_record(tmp_path / "floors", "no floor", HASHED, right=0.99)
    return tmp_path


def test_compare_names_the_model_that_is_not_above_a_floor(records: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ("results", "compare", records / "a", records / "b", "--resamples", "100")
    assert call(*arguments) == 0
    assert "not above a floor" not in capsys.readouterr().out
    assert call(*arguments, "--floors", records / "floors") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "low is not above a floor on prom/prom_core_tata" in said
    assert "k-mer counts" in said
    assert "high is not above" not in said
    assert call(*arguments, "--floors", records / "floors", "-f", "json") == 0
    below = json.loads(capsys.readouterr().out)["below_floors"]
    assert [(each["model"], each["floor"]) for each in below] == [("low", "k-mer counts")]


def test_a_floor_of_other_rows_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_record(tmp_path / "a", "low", HASHED, right=0.55)
    write_record(tmp_path / "b", "high", HASHED, right=0.95)
    for changed, run in (
        (dataclasses.replace(HASHED, data_sha256={"test": "c" * 64}), RunInfo(method="baseline")),
        (HASHED, RunInfo(method="baseline", dev_as_train=True)),
        (OTHER, RunInfo(method="baseline")),
    ):
        write_record(tmp_path / "floors", task=changed, right=0.8, model=KMERS, run=run)
    assert call("results", "compare", tmp_path / "a", tmp_path / "b", "--floors", tmp_path / "floors") == 0
    assert "not above a floor" not in capsys.readouterr().out


def test_a_model_without_pretraining_is_a_floor_and_a_floor_is_measured_against_none(tmp_path: Path):
    untrained, _ = write_record(
        tmp_path, task=HASHED, model=ModelInfo("x", "untrained:x", pretraining_steps=0)
    )
    pretrained, _ = write_record(tmp_path, task=HASHED)
    assert is_floor(untrained)
    assert not is_floor(pretrained)
    assert [floor.name for held in floors_of([untrained, pretrained]).values() for floor in held] == ["x"]


def test_the_floors_that_ship_are_those_of_the_committed_records():
    folder = Path(__file__).parents[2] / "registry" / "results"
    found = [record_files.read(path) for path in record_files.find([folder])]
    shipped = [record for record in found if record.model.reference.startswith(("baseline:", "untrained:"))]
    assert to_json(_shipped()) == to_json(floors_of(shipped))
