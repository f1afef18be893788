"""``dnamask finetune`` as it is typed: a table in; scores, floors and a model for plain transformers out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from table_cases import WORDS, table
from toy_data import labelled

from dnamask_plugins.cli import main
from dnamask_plugins.results.record_files import find, read

QUICK = ("--set", "learning_rate=0.005", "--set", "num_train_epochs=3")


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["finetune", *(str(argument) for argument in arguments)])
    return int(stopped.value.code or 0)


@pytest.fixture
def words(tmp_path: Path) -> Path:
    rows = [(s, WORDS[y]) for s, y in labelled(4, 240)]
    return table(tmp_path / "words.csv", ["seq", "class"], rows)


def test_from_a_table_to_a_model_that_plain_transformers_loads(
    words: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    arguments = (words, "--model", tiny_model, "-o", out, "--seeds", "0,1", *QUICK)
    assert call(*arguments) == 0
    said = capsys.readouterr()
    shown = " ".join(said.err.split())
    for word in (
        "240 rows",
        "column 'seq'",
        "2 classes: plain 120, telomere 120",
        "no row is cut",
        "defaults:",
    ):
        assert word in shown
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == [
        str(tiny_model),
        "baseline:kmers",
        "baseline:onehot",
    ]
    summary = json.loads((out / "finetune.json").read_text())
    assert summary["status"] == "done"
    assert {record.model.reference for record in map(read, find([out]))} == {
        tiny_model.name,
        "baseline:kmers",
        "baseline:onehot",
    }
    steps = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    assert {entry["seed"] for entry in steps} == {0, 1}
    assert any("loss" in entry for entry in steps)
    assert any("eval_mcc" in entry for entry in steps)
    assert not (out / "models").exists()
    assert "<svg" in (out / "report.html").read_text()
    _predicts_what_was_written(out)
    before = (out / "finetune.json").read_text()
    assert call(*arguments) == 0
    assert (out / "finetune.json").read_text() == before


def _predicts_what_was_written(out: Path) -> None:
    from transformers import pipeline

    lines = [line.split("\t") for line in (out / "predictions.tsv").read_text().splitlines()]
    assert lines[0] == [
        "file",
        "row",
        "sequence",
        "label",
        "prediction",
        "probability_plain",
        "probability_telomere",
    ]
    assert len(lines) == 25
    classify = pipeline("text-classification", model=str(out / "model"), top_k=None)
    for line, answer in zip(lines[1:], classify([line[2] for line in lines[1:]]), strict=True):
        said = {each["label"]: each["score"] for each in answer}
        assert max(said, key=lambda name: said[name]) == line[4]
        np.testing.assert_allclose([said[word] for word in WORDS], [float(x) for x in line[5:]], atol=2e-3)


def test_a_dry_run_trains_nothing(
    words: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    assert call(words, "--model", tiny_model, "-o", out, "--dry-run", "--max-length", "20") == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "cut: 192 of train, 24 of dev, 24 of test" in said
    assert not (out / "records").exists()
    assert (out / "split.tsv").is_file()


def test_a_folder_of_something_else_is_refused(words: Path, tiny_model: Path, tmp_path: Path, capsys):
    out = tmp_path / "out"
    assert call(words, "--model", tiny_model, "-o", out, "--dry-run") == 0
    assert call(words, "--model", tiny_model, "-o", out, "--dry-run", "--split-seed", "1") == 2
    assert "holds a fine-tuning of words.csv" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("x")
    assert call(words, "--model", tiny_model, "-o", tmp_path / "full") == 2
    assert "is not empty and no fine-tuning" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--kind", "clasification"), "did you mean 'classification'"),
        (("--floors", "kmer"), "did you mean 'kmers'"),
        (("--dev", "0.6", "--test", "0.5"), "leave nothing to train on"),
        (("--test-values", "chr1"), "name it with --split-by"),
        (("--similar", "3"), "give a share above 0"),
    ],
)
def test_wrong_flags_are_one_line(more, said: str, words: Path, tiny_model: Path, tmp_path: Path, capsys):
    assert call(words, "--model", tiny_model, "-o", tmp_path / "out", *more) == 2
    assert said in " ".join(capsys.readouterr().err.split())
