"""The report of a fine-tuning: right numbers, whatever the kind of task, and no text that a browser obeys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_data import random_dna

from dnamask_plugins.errors import InputError
from dnamask_plugins.results.finetuning import plots
from dnamask_plugins.results.finetuning.output import read_output
from dnamask_plugins.results.finetuning.page import write_report

PROBLEMS = {
    "classification": "single_label_classification",
    "regression": "regression",
    "multi_label": "multi_label_classification",
}


def write_output(
    folder: Path,
    kind: str,
    names: tuple[str, ...],
    rows: list[tuple[str, str, str, list[float]]],
    **changes: Any,
) -> Path:
    """Lay out what `dnamask finetune` leaves: rows of sequence, label, prediction, probabilities."""
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "config.json").write_text(json.dumps({"problem_type": PROBLEMS[kind]}))
    lines = [
        "\t".join(["file", "row", "sequence", "label", "prediction", *(f"probability_{n}" for n in names)])
    ]
    for number, (sequence, label, prediction, shares) in enumerate(rows, start=1):
        lines.append("\t".join(["in.csv", str(number), sequence, label, prediction, *map(str, shares)]))
    (folder / "predictions.tsv").write_text("\n".join(lines) + "\n")
    history = [{"seed": 0, "loss": 1.0, "step": 1}, {"seed": 0, "eval_loss": 0.9, "eval_mcc": 0.5, "step": 2}]
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))
    scores = [{"model": "m", "mean": 0.5, "std": 0.1, "seeds": 2, "scores": {"mcc": 0.5, "accuracy": 0.75}}]
    scores.append({"model": "baseline:kmers", "mean": 0.6, "std": None, "seeds": 1, "scores": {"mcc": 0.6}})
    summary = {"status": "done", "task": "t", "model": "m", "data": "in.csv", "metric": "mcc", "rows": scores}
    summary |= {"chosen_seed": 0, "chosen_by": "dev mcc", **changes}
    (folder / "finetune.json").write_text(json.dumps(summary))
    return folder


@pytest.fixture
def two_classes(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    rows = []
    for number in range(40):
        positive = number % 2
        sure = 0.5 + 0.4 * generator.random()
        right = number % 10 != 0
        share = sure if bool(positive) == right else 1 - sure
        said = "yes" if share > 0.5 else "no"
        sequence = random_dna(generator, int(generator.integers(10, 500)))
        rows.append((sequence, "yes" if positive else "no", said, [1 - share, share]))
    rows[0] = ("ACGT", "no", "yes", [0.01, 0.99])
    return write_output(tmp_path / "out", "classification", ("no", "yes"), rows)


def test_a_page_of_two_classes(two_classes: Path):
    output = read_output(two_classes)
    assert (len(output), int((~output.right).sum()), output.lengths[0], output.gc[0]) == (40, 4, 4, 0.5)
    page = write_report(two_classes).read_text()
    assert page.count("<svg") == 5
    assert "40 test rows, 4 of them wrong" in page
    assert "Not above baseline:kmers" in page
    assert page.index("in.csv, row 1<") < page.index("yes (0.990)")
    assert "http" not in page.split("<svg")[0]


def test_mistakes_come_surest_first(two_classes: Path):
    output = read_output(two_classes)
    order = plots.order_of_mistakes(output)
    assert order[0] == 0
    assert sorted(order) == np.flatnonzero(~output.right).tolist()
    assert np.diff(output.answers.max(axis=1)[order]).max() <= 0


def test_calibration_error_by_hand(tmp_path: Path):
    rows = [("ACGT", "a", "a", [0.9, 0.1])] * 8 + [("ACGT", "b", "a", [0.9, 0.1])] * 2
    rows += [("ACGT", "b", "b", [0.4, 0.6])] * 10
    output = read_output(write_output(tmp_path / "out", "classification", ("a", "b"), rows))
    _, error = plots.calibration(output)
    assert error == pytest.approx(0.5 * abs(0.9 - 0.8) + 0.5 * abs(0.6 - 1.0))


def test_regression_and_many_labels(tmp_path: Path):
    generator = np.random.default_rng(1)
    numbers = [
        (random_dna(generator, 30), f"{value}", f"{value + 0.1}", []) for value in generator.normal(size=30)
    ]
    page = write_report(write_output(tmp_path / "r", "regression", (), numbers)).read_text()
    assert page.count("<svg") == 3
    assert "Largest errors" in page
    labels = []
    for number in range(30):
        flags = [number % 2, number % 3 == 0]
        shares = generator.random(2).round(3).tolist()
        text = " ".join(str(int(flag)) for flag in flags)
        labels.append((random_dna(generator, 30), text, "0 0", shares))
    page = write_report(write_output(tmp_path / "m", "multi_label", ("a", "b"), labels)).read_text()
    assert page.count("<svg") == 4
    assert "Worst mistakes" in page


def test_one_class_and_equal_lengths_do_not_break_it(tmp_path: Path):
    rows = [("NNNN", "a", "a", [0.9, 0.1])] * 3
    page = write_report(write_output(tmp_path / "out", "classification", ("a", "b"), rows)).read_text()
    assert "There is none." in page


def test_names_are_text_and_not_commands(tmp_path: Path):
    evil = "<script>alert(1)</script>"
    rows = [("ACGT", evil, "b", [0.2, 0.8]), ("ACGA", "b", "b", [0.2, 0.8])]
    folder = write_output(tmp_path / "out", "classification", (evil, "b"), rows, task=evil)
    assert "<script" not in write_report(folder).read_text()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "finetune.json").write_text('{"status": "begun"}'), "not finished"),
        (lambda folder: (folder / "finetune.json").unlink(), "give the output of dnamask finetune"),
        (lambda folder: (folder / "predictions.tsv").write_text("file\trow\n"), "holds no predictions"),
        (
            lambda folder: (folder / "predictions.tsv").write_text("sequence\tfile\trow\nA\tb\t1\n"),
            "no table",
        ),
    ],
)
def test_what_is_no_fine_tuning_is_refused(spoil: Any, message: str, two_classes: Path):
    spoil(two_classes)
    with pytest.raises(InputError, match=message):
        write_report(two_classes)
