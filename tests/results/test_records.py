from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from harness_records import COVID, TATA, labels_of, outcomes, predict, write_record
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, matthews_corrcoef

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.files import safe_name
from dnamask_plugins.results import measuring, record_files, record_format, scoring
from dnamask_plugins.results import predictions as prediction_files
from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.published import published as published_record
from dnamask_plugins.results.records import ModelInfo, Provenance, RunInfo, SeedOutcome
from dnamask_plugins.results.schema import check_schema
from dnamask_plugins.results.schema import schema as record_schema
from dnamask_plugins.results.verify import verify

REGISTRY = Path(__file__).resolve().parents[2] / "registry" / "results"


def test_figures_are_those_that_scikit_learn_gives(tmp_path):
    for task, oracle in (
        (TATA, matthews_corrcoef),
        (COVID, lambda labels, predictions: f1_score(labels, predictions, average="macro")),
    ):
        seeds = outcomes(task)
        record, _ = write_record(tmp_path, task=task, seeds=seeds)
        values = [oracle(seed.predictions.labels, seed.predictions.predictions) for seed in seeds]
        assert [entry["value"] for entry in record.seeds] == pytest.approx(values)
        assert record.mean == pytest.approx(np.mean(values))
        assert record.std == pytest.approx(np.std(values, ddof=1))
        assert record.interval["low"] < record.mean < record.interval["high"]
        assert record.task.test_rows == 200


def test_a_record_survives_its_file(tmp_path):
    record, path = write_record(tmp_path)
    again = record_files.read(path)
    assert again.to_json() == record.to_json()
    assert again.id == record.id
    assert path.name == f"prom.prom_core_tata.{record.id}.json"


def test_failed_and_collapsed_seeds_are_told_apart(tmp_path):
    collapsed = Predictions(labels_of(TATA), np.zeros(200, int))
    seeds = [*outcomes(TATA, seeds=(0,)), SeedOutcome(1, collapsed), SeedOutcome(2, error="out of\nmemory")]
    record, path = write_record(tmp_path, seeds=seeds)
    assert [entry["status"] for entry in record.seeds] == ["ok", "collapsed", "failed"]
    assert record.collapsed_seeds == (1,)
    assert record.failed_seeds == (2,)
    assert record.seeds[1]["value"] == 0
    assert record.mean == pytest.approx(record.seeds[0]["value"] / 2)
    assert record.seeds[2]["error"] == "out of memory"
    assert not verify(path).problems


def test_all_seeds_failed_is_a_record_without_a_figure(tmp_path):
    record, path = write_record(tmp_path, seeds=[SeedOutcome(0, error="boom")])
    assert record.mean is None
    assert record.interval is None
    assert not verify(path).problems


@pytest.mark.parametrize("seed", range(1, 6))
def test_other_resamples_are_no_forgery(tmp_path, monkeypatch, seed):
    """NumPy 2.5 draws other numbers from the same seed than NumPy 2.4."""
    _, path = write_record(tmp_path)
    drawn = scoring.resample
    monkeypatch.setattr(scoring, "resample", lambda *given, **named: drawn(*given, **named | {"seed": seed}))
    assert not verify(path).problems


def test_leaks_are_scored_with_and_without(tmp_path):
    leaked = np.arange(200) < 50
    seeds = outcomes(TATA, leaked=leaked)
    record, path = write_record(tmp_path, seeds=seeds)
    rest = [matthews_corrcoef(s.predictions.labels[50:], s.predictions.predictions[50:]) for s in seeds]
    assert record.leaked_rows == 50
    assert record.mean_without_leaks == pytest.approx(np.mean(rest))
    assert not verify(path).problems
    everything = outcomes(TATA, leaked=np.ones(200, bool))
    record, path = write_record(tmp_path, "all-leaked", seeds=everything)
    assert record.mean_without_leaks is None
    assert not verify(path).problems


def test_other_results_make_another_file_and_the_same_do_not(tmp_path):
    _, first = write_record(tmp_path)
    before = first.read_bytes()
    _, same = write_record(
        tmp_path, created="2027-01-01T00:00:00+00:00", run=RunInfo(recipe={"name": "paper"}, wall_time_s=9)
    )
    assert same == first
    assert first.read_bytes() == before
    _, other = write_record(tmp_path, right=0.7)
    assert other != first
    assert first.read_bytes() == before
    assert len(record_files.find([tmp_path])) == 2


def test_the_id_depends_on_what_was_measured(tmp_path):
    record, _ = write_record(tmp_path)
    for change in (
        {"mean": 0.5},
        {"model": dataclasses.replace(record.model, revision="abc")},
        {"run": dataclasses.replace(record.run, select_by="dev loss")},
    ):
        assert dataclasses.replace(record, **change).id != record.id
    for change in (
        {"created": "2030-01-01T00:00:00+00:00"},
        {"run": dataclasses.replace(record.run, peak_memory_bytes=5)},
    ):
        assert dataclasses.replace(record, **change).id != record.id
        # Format 1, in which 278 measured records are committed, left these out.
        old = dataclasses.replace(record, schema_version=1)
        assert dataclasses.replace(old, **change).id == old.id


EDITS = {
    "mean": lambda content: content.update(mean=0.99),
    "seed value": lambda content: content["seeds"][0].update(value=0.99),
    "status": lambda content: content["seeds"][0].update(status="collapsed"),
    "std": lambda content: content.update(std=0.0),
    "interval": lambda content: content["interval"].update(low=0.0),
    "rows": lambda content: content["seeds"][0]["predictions"].update(rows=3),
    "test rows": lambda content: content["task"].update(test_rows=3),
    "classes": lambda content: content["task"].update(classes=3, metric="accuracy"),
    "collapsed": lambda content: content.update(collapsed_seeds=[0]),
}


@pytest.mark.parametrize("edit", EDITS)
def test_verify_finds_an_edited_record(tmp_path, edit):
    _, path = write_record(tmp_path)
    content = json.loads(path.read_text())
    EDITS[edit](content)
    path.write_text(json.dumps(content))
    assert "does not belong to its content" in verify(path).problems[0]
    # Whoever also computes the id again is found by the predictions.
    plain = {key: value for key, value in content.items() if key != "id"}
    content["id"] = record_format.record_id(plain)
    path.write_text(json.dumps(content))
    problems = verify(path).problems
    assert problems
    assert "does not belong" not in problems[0]


def test_verify_finds_changed_and_missing_predictions(tmp_path):
    record, path = write_record(tmp_path)
    file = path.parent / record.seeds[1]["predictions"]["file"]
    file.write_bytes(prediction_files.encode(predict(TATA, 1.0, 5)))
    assert any("sha256" in problem for problem in verify(path).problems)
    file.unlink()
    assert any("cannot be read" in problem for problem in verify(path).problems)


@pytest.mark.parametrize(
    "name", ["../../outside", "/etc/passwd", "..", "a/../../b", "<script>", "\u202egnp.exe", "x" * 190, "CON"]
)
def test_names_never_lead_out_of_the_folder(tmp_path, name):
    folder = tmp_path / "in"
    _, path = write_record(folder, name, task=dataclasses.replace(TATA, name=name))
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) == 4
    assert all(file.resolve().is_relative_to(folder.resolve()) for file in written)
    assert len(path.relative_to(folder).parts) == 2
    assert not verify(path).problems


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_name_becomes_one_plain_file_name(name):
    safe = safe_name(name)
    assert safe
    assert safe == os.path.basename(safe)
    assert set(safe) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
    assert safe[0] not in "._-"
    assert len(safe) <= 64


def test_a_prediction_file_outside_the_folder_is_refused(tmp_path):
    _, path = write_record(tmp_path)
    content = json.loads(path.read_text())
    content["seeds"][0]["predictions"]["file"] = "../../secret.csv.gz"
    path.write_text(json.dumps(content))
    assert "predictions/file" in verify(path).problems[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "at the top"),
        ('{"id": NaN}', "NaN"),
        ("{}", "required"),
        ('"\\ud800"', "at the top"),
    ],
)
def test_rubbish_is_one_clear_line(tmp_path, text, says):
    path = tmp_path / "x.0123456789abcdef.json"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        record_files.read(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_not_text_at_all_and_not_there(tmp_path):
    path = tmp_path / "x.0123456789abcdef.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not JSON"):
        record_files.read(path)
    with pytest.raises(InputError, match="no such file"):
        record_files.find([tmp_path / "missing"])


def test_control_characters_are_refused(tmp_path):
    with pytest.raises(InputError, match="model/name"):
        write_record(tmp_path, "evil\x1b[2Jname")


def test_what_does_not_belong_together_is_refused():
    task, run, model = TATA, RunInfo(), ModelInfo("m")
    with pytest.raises(ConfigError, match="each once"):
        measuring.measured(model, task, run, [])
    with pytest.raises(ConfigError, match="each once"):
        measuring.measured(model, task, run, outcomes(TATA, seeds=(1, 1)))
    with pytest.raises(InputError, match="different test rows"):
        measuring.measured(
            model,
            task,
            run,
            [SeedOutcome(0, predict(TATA, 1, 0)), SeedOutcome(1, predict(TATA, 1, 0, rows=90))],
        )
    with pytest.raises(InputError, match=r"outside 0\.\.1"):
        measuring.measured(model, task, run, outcomes(COVID))
    with pytest.raises(ConfigError, match="track"):
        measuring.measured(ModelInfo("m", track="best"), task, run, outcomes(TATA))
    with pytest.raises(ConfigError, match="method"):
        measuring.measured(model, task, RunInfo(method="magic"), outcomes(TATA))


def test_published_records_have_a_source_and_no_seeds(tmp_path):
    record = published_record(ModelInfo("m"), TATA, 0.5, Provenance("a paper", printed="50"))
    path = record_files.write(record, (), tmp_path)
    assert record_files.read(path).to_json() == record.to_json()
    content = json.loads(path.read_text())
    content["provenance"] = None
    with pytest.raises(InputError, match="provenance"):
        check_schema(content, path)
    content = json.loads(path.read_text()) | {"source": "measured"}
    with pytest.raises(InputError):
        check_schema(content, path)


def test_the_schema_is_one_and_knows_every_field(tmp_path):
    from jsonschema import Draft202012Validator

    schema = record_schema()
    Draft202012Validator.check_schema(schema)
    record, _ = write_record(tmp_path)
    content = record.to_json()
    assert set(schema["properties"]) == set(content)
    for part in ("model", "task", "run", "interval"):
        assert set(schema["properties"][part]["properties"]) == set(content[part])
    assert set(schema["properties"]["seeds"]["items"]["properties"]) == set(content["seeds"][0])
    names = {field.name for field in dataclasses.fields(Provenance)}
    assert set(schema["properties"]["provenance"]["properties"]) == names


def test_every_committed_record_is_good():
    found = record_files.find([REGISTRY])
    assert found
    assert [verdict for verdict in map(verify, found) if verdict.problems] == []


def test_a_committed_record_lies_where_its_name_says():
    for path in record_files.find([REGISTRY]):
        assert record_files.path_of(record_files.read(path), REGISTRY) == path


def test_a_read_only_folder_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        write_record(tmp_path / "file")


def test_what_a_run_keeps_to_go_on_is_no_record(tmp_path):
    _, path = write_record(tmp_path / "run" / "records")
    trials = tmp_path / "run" / "trials"
    trials.mkdir()
    (trials / "toy.motif.seed-0.0123456789abcdef.json").write_text("{}")
    (tmp_path / "run" / "settings.json").write_text("{}")
    assert record_files.find([tmp_path]) == [path]
    assert record_files.find([trials / "toy.motif.seed-0.0123456789abcdef.json"])


@pytest.fixture(scope="module")
def small_record(tmp_path_factory):
    """A record, where it lies, and its text."""
    record, path = write_record(tmp_path_factory.mktemp("record"), seeds=outcomes(TATA, seeds=(0,), rows=8))
    return record, path, path.read_text()


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_change_to_a_record_is_refused_or_the_same_record(small_record, data):
    """Values of any place are replaced by rubbish: reading refuses them, or they were circumstances."""
    record, path, text = small_record
    content = json.loads(text)
    place: dict[str, object] = content
    for _ in range(data.draw(st.integers(0, 3))):
        inner = [value for value in place.values() if isinstance(value, dict) and value]
        if not inner:
            break
        place = data.draw(st.sampled_from(inner))
    key = data.draw(st.sampled_from(sorted(place)))
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    rubbish = st.recursive(plain, st.lists, max_leaves=4)
    place[key] = data.draw(rubbish)
    path.write_text(json.dumps(content))
    try:
        again = record_files.read(path)
    except InputError:
        return
    assert again.id == record.id
