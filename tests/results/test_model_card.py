from __future__ import annotations

import hashlib
import json

import pytest
import yaml
from harness_records import COVID, MOUSE, TATA, outcomes, write_record
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from typer.testing import CliRunner

from dnamask_plugins.cli import app
from dnamask_plugins.errors import InputError
from dnamask_plugins.results.model_card import BEGIN, records_of, write_card
from dnamask_plugins.results.records import ModelInfo, RunInfo, SeedOutcome
from dnamask_plugins.tokenizers.export import save_pretrained
from dnamask_plugins.tokenizers.kmer import KmerTokenizer

WEIGHTS = b"weights"
SHA = hashlib.sha256(WEIGHTS).hexdigest()
MODEL = ModelInfo("tiny | <b>gems</b>", weights_sha256=SHA)


@pytest.fixture
def model_dir(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "config.json").write_text("{}")
    save_pretrained(KmerTokenizer(3), folder)
    return folder


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    seeds = [*outcomes(TATA, seeds=(0, 1)), SeedOutcome(2, error="x")]
    write_record(folder, model=MODEL, task=TATA, seeds=seeds, run=RunInfo(scale_note="a toy: 40 steps"))
    write_record(folder, model=MODEL, task=COVID)
    write_record(folder, model=MODEL, task=MOUSE, run=RunInfo(dev_as_train=True))
    write_record(folder, model=ModelInfo("another", weights_sha256="0" * 64), task=TATA, right=0.99)
    return folder


def test_model_index_says_what_the_records_say(model_dir, results):
    found = records_of([results], SHA)
    path = write_card(model_dir, found)
    metadata = yaml.safe_load(path.read_text().split("---")[1])
    name, scores = model_index_to_eval_results(metadata["model-index"])
    assert name == MODEL.name
    of = {score.dataset_config: score for score in scores}
    assert set(of) == {TATA.name, COVID.name}
    records = {record.task.name: record for record in found}
    assert of[TATA.name].metric_value == pytest.approx(records[TATA.name].mean, abs=1e-6)
    assert of[TATA.name].metric_type == "matthews_correlation"
    assert of[COVID.name].metric_type == "f1"
    assert of[TATA.name].metric_args["record"] == records[TATA.name].id
    assert of[TATA.name].dataset_split == "test"


def test_table_shows_spread_troubles_and_dev_training(model_dir, results):
    text = write_card(model_dir, records_of([results], SHA)).read_text()
    line = next(line for line in text.splitlines() if TATA.name in line and line.startswith("|"))
    assert "±" in line
    assert "3 (1 failed)" in line
    assert "GUE mouse/3†" in text
    assert "trained on the development split" in text
    assert "a toy: 40 steps" in text
    assert "# tiny \\| &lt;b>gems" in text


def test_a_card_that_is_there_is_kept_and_results_are_replaced(model_dir, results):
    before = "---\nlicense: apache-2.0\ntags:\n- dna\n---\n# Mine\n\nWords of mine.\n"
    (model_dir / "README.md").write_text(before)
    first = write_card(model_dir, records_of([results], SHA)).read_text()
    second = write_card(model_dir, records_of([results], SHA)).read_text()
    assert first == second
    assert first.count(BEGIN) == 1
    assert "Words of mine." in first
    card = ModelCard(first)
    assert card.data.license == "apache-2.0"
    assert card.data.tags == ["dna"]
    tail = first + "\nMore words.\n"
    (model_dir / "README.md").write_text(tail)
    assert "More words." in write_card(model_dir, records_of([results], SHA)).read_text()


def test_only_records_of_these_weights_count(results):
    assert {record.model.name for record in records_of([results], SHA)} == {MODEL.name}
    with pytest.raises(InputError, match="none of 4 records belongs to weights"):
        records_of([results], "1" * 64)


def test_a_broken_card_is_one_clear_line(model_dir, results):
    (model_dir / "README.md").write_text("---\na: [\n---\n# x\n")
    with pytest.raises(InputError, match=r"README\.md") as caught:
        write_card(model_dir, records_of([results], SHA))
    assert "\n" not in str(caught.value)
    assert (model_dir / "README.md").read_text().startswith("---\na: [")


def test_command_line(model_dir, results):
    done = CliRunner().invoke(app, ["export", str(model_dir), "--results", str(results)])
    assert done.exit_code == 0, done.output
    assert "3 scores" in done.stdout
    assert json.loads((model_dir / "config.json").read_text()) == {}
