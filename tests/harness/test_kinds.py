"""Regression, several labels and class weights: learnt, scored by their metrics, saved in their own units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from table_cases import table
from toy_data import labelled, random_dna

from dnamask_plugins.cli import main
from dnamask_plugins.harness.baselines import fit_baseline
from dnamask_plugins.harness.target import learnt_from
from dnamask_plugins.harness.trial_rows import TrialRows
from dnamask_plugins.results.record_files import find, read
from dnamask_plugins.tasks.data import LabelledData

QUICK = ("--seeds", "0", "--floors", "kmers", "--set", "learning_rate=0.005")


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["finetune", *(str(argument) for argument in arguments)])
    return int(stopped.value.code or 0)


def gc_rows(count: int) -> list[tuple[str, float]]:
    generator = np.random.default_rng(2)
    rows = []
    for _ in range(count):
        share = generator.uniform(0.1, 0.9)
        letters = generator.choice(list("ATGC"), 40, p=[(1 - share) / 2] * 2 + [share / 2] * 2)
        text = "".join(letters)
        rows.append((text, 1000 + 100 * (text.count("G") + text.count("C"))))
    return [(text, value + 0.5) for text, value in rows]


def test_a_saved_regression_answers_in_the_units_of_the_labels(tiny_model: Path, tmp_path: Path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    data = table(tmp_path / "gc.csv", ["sequence", "value"], gc_rows(300))
    assert call(data, "--model", tiny_model, "-o", tmp_path / "out", *QUICK) == 0
    records = {record.run.method: record for record in map(read, find([tmp_path / "out"]))}
    assert records["finetune"].task.kind == "regression"
    assert records["finetune"].mean > 0.8
    assert records["baseline"].mean > 0.8
    lines = [line.split("\t") for line in (tmp_path / "out" / "predictions.tsv").read_text().splitlines()[1:]]
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out" / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out" / "model")
    assert model.config.problem_type == "regression"
    assert model.config.id2label == {0: "value"}
    with torch.inference_mode():
        batch = tokenizer([line[2] for line in lines], return_tensors="pt", padding=True)
        answers = model(**batch).logits[:, 0].numpy()
    np.testing.assert_allclose(answers, [float(line[4]) for line in lines], rtol=1e-4)
    truth = np.array([float(line[3]) for line in lines])
    assert np.abs(answers - truth).mean() < truth.std()


def test_several_labels_are_learnt_apart(tiny_model: Path, tmp_path: Path):
    rows = [(s, y, int(s.count("G") + s.count("C") > 21)) for s, y in labelled(5, 300)]
    data = table(tmp_path / "two.csv", ["sequence", "telomere", "gc_rich"], rows)
    out = tmp_path / "out"
    assert call(data, "--model", tiny_model, "-o", out, *QUICK, "--class-weights", "balanced") == 0
    records = {record.run.method: record for record in map(read, find([out]))}
    assert records["finetune"].task.kind == "multi_label"
    assert records["finetune"].task.classes == 2
    assert records["baseline"].mean > 0.75
    assert records["finetune"].run.recipe["class_weights"] == "balanced"
    header = (out / "predictions.tsv").read_text().splitlines()[0].split("\t")
    assert header[3:] == ["label", "prediction", "probability_telomere", "probability_gc_rich"]


def test_weights_make_a_rare_class_count_as_much_as_a_common_one():
    labels = np.array([0] * 90 + [1] * 10)
    weighted = learnt_from(labels, "balanced").weighted_loss
    assert weighted is not None
    logits = torch.zeros(100, 2, requires_grad=True)
    weighted({"logits": logits}, torch.from_numpy(labels)).backward()
    pull = logits.grad
    assert pull is not None
    np.testing.assert_allclose(pull[:90, 0].sum(), pull[90:, 1].sum(), rtol=1e-5)
    parts = [
        weighted({"logits": logits[p]}, torch.from_numpy(labels)[p], 100)
        for p in (slice(0, 50), slice(50, 100))
    ]
    whole = weighted({"logits": logits}, torch.from_numpy(labels)).item()
    np.testing.assert_allclose(sum(parts).item(), whole, rtol=1e-5)


@pytest.mark.parametrize("name", ["kmers", "onehot"])
@pytest.mark.parametrize("dev", [True, False])
def test_floors_know_every_kind(name: str, dev: bool):
    generator = np.random.default_rng(8)
    sequences = [("G" if row % 3 else "A") + random_dna(generator, 29) for row in range(90)]
    numbers = np.array([text.count("A") / 30 + 5 * (text[0] == "G") for text in sequences])
    several = np.array([[int(text[0] == "G"), int(text.count("A") > 7)] for text in sequences])
    for labels, outputs in ((numbers, 1), (several, 2)):
        parts = [
            LabelledData(Path("x"), "0" * 64, tuple(sequences[p]), None, labels[p])
            for p in (slice(0, 50), slice(50, 70), slice(70, 90))
        ]
        rows = TrialRows(
            parts[0], parts[1] if dev else None, parts[2], outputs, "pearson" if outputs == 1 else "auroc"
        )
        fitted = fit_baseline(name, rows, 0)
        assert fitted.scores.shape == (20, outputs)
        assert np.isfinite(fitted.scores).all()


def test_a_probe_of_a_regression_is_refused_at_once(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = table(tmp_path / "gc.csv", ["sequence", "value"], gc_rows(60))
    assert call(data, "--model", tiny_model, "-o", tmp_path / "out", "--dry-run") == 0
    arguments = ["gue", "run", "--model", str(tiny_model), "--gue-dir", str(tmp_path / "out" / "data")]
    arguments += ["--tasks", str(tmp_path / "out" / "task.toml"), "--out", str(tmp_path / "p"), "--probe"]
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "a probe classifies only" in capsys.readouterr().err
