"""Predictions against a plain loop over sequences; the commands as a user types them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_data import random_dna, write_csv

from dnamask_plugins.cli import main
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.inference.job import Collector, Reading
from dnamask_plugins.inference.predict import predict_file
from dnamask_plugins.inference.sequences import ColumnNames
from dnamask_plugins.models.loading import load_classifier
from dnamask_plugins.tokenizers.export import save_pretrained
from dnamask_plugins.tokenizers.loading import load_tokenizer

COMPLEMENT = str.maketrans("ACGT", "TGCA")
LENGTHS = (40, 17, 90, 2, 64, 200)
NAMES = {"classification": ("enhancer", "silencer", "neither"), "regression": ("value",), "multi_label": "ab"}
PROBLEMS = {
    "classification": "single_label_classification",
    "regression": "regression",
    "multi_label": "multi_label_classification",
}


@pytest.fixture(scope="module")
def fine_tuned(
    make_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    def make(kind: str) -> Path:
        base = make_model()
        tokenizer = load_tokenizer(base)
        names = NAMES[kind]
        model, _ = load_classifier(base, tokenizer, len(names), seed=1)
        with torch.no_grad():
            model.classifier.weight.mul_(30)
        model.config.problem_type = PROBLEMS[kind]
        model.config.id2label = dict(enumerate(names))
        model.config.label2id = {name: number for number, name in enumerate(names)}
        folder = tmp_path_factory.mktemp("classifier")
        model.save_pretrained(folder)
        save_pretrained(tokenizer, folder)
        return folder

    return make


@pytest.fixture(scope="module")
def classifier(fine_tuned: Callable[[str], Path]) -> Path:
    return fine_tuned("classification")


@pytest.fixture(scope="module")
def sequences() -> list[str]:
    generator = np.random.default_rng(3)
    return [random_dna(generator, length) for length in LENGTHS]


@pytest.fixture
def table(sequences: list[str], tmp_path: Path) -> Path:
    rows = [(f"s{number}", sequence, "neither") for number, sequence in enumerate(sequences)]
    return write_csv(tmp_path / "in.csv", rows, "id,sequence,label")


def by_hand(folder: Path, sequence: str, kind: str = "classification") -> np.ndarray:
    """What plain transformers say."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        logits = (
            model(**AutoTokenizer.from_pretrained(folder)(sequence, return_tensors="pt")).logits[0].double()
        )
    if kind == "regression":
        return logits.numpy()
    return (torch.softmax(logits, 0) if kind == "classification" else torch.sigmoid(logits)).numpy()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


@pytest.mark.parametrize("kind", NAMES)
def test_predictions_are_those_of_plain_transformers(
    kind: str, fine_tuned: Callable[[str], Path], table: Path, sequences: list[str], tmp_path: Path
):
    folder = fine_tuned(kind)
    output = tmp_path / "out.tsv"
    summary = predict_file(str(folder), Reading(str(table)), output)
    rows = rows_of(output)
    assert [row["name"] for row in rows] == [f"s{number}" for number in range(len(LENGTHS))]
    assert {row["label"] for row in rows} == {"neither"}
    assert (summary.rows, summary.too_short) == (6, 1)
    for row, sequence in zip(rows, sequences, strict=True):
        if len(sequence) < 3:
            assert row["prediction"] == ""
            continue
        expected = by_hand(folder, sequence, kind)
        if kind == "regression":
            assert float(row["prediction"]) == pytest.approx(float(expected[0]), abs=1e-5)
            continue
        found = [float(row[f"probability_{name}"]) for name in NAMES[kind]]
        np.testing.assert_allclose(found, expected, atol=1e-5)
        chosen = [NAMES[kind][int(expected.argmax())]] if kind == "classification" else None
        chosen = chosen or [name for name, value in zip("ab", expected, strict=True) if value >= 0.5]
        assert row["prediction"] == ",".join(chosen)


def test_windows_and_strands_are_averaged(
    classifier: Path, table: Path, sequences: list[str], tmp_path: Path
):
    reading = Reading(str(table), window=60, stride=30)
    predict_file(str(classifier), reading, tmp_path / "out.tsv", both_strands=True)
    parts = [sequences[2][start : start + 60] for start in (0, 30)]
    both = [*parts, *(part.translate(COMPLEMENT)[::-1] for part in parts)]
    expected = np.mean([by_hand(classifier, part) for part in both], axis=0)
    row = rows_of(tmp_path / "out.tsv")[2]
    found = [float(row[f"probability_{name}"]) for name in NAMES["classification"]]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # The other strand of everything gives the same.
    mirrored = [(each.translate(COMPLEMENT)[::-1],) for each in sequences]
    other = write_csv(tmp_path / "other.csv", mirrored, "sequence")
    predict_file(str(classifier), Reading(str(other)), tmp_path / "other.tsv", both_strands=True)
    predict_file(str(classifier), Reading(str(table)), tmp_path / "whole.tsv", both_strands=True)
    for one, two in zip(rows_of(tmp_path / "whole.tsv"), rows_of(tmp_path / "other.tsv"), strict=True):
        if one["prediction"]:
            assert float(one["probability_enhancer"]) == pytest.approx(
                float(two["probability_enhancer"]), abs=1e-5
            )


def test_each_window_has_a_row(classifier: Path, table: Path, sequences: list[str], tmp_path: Path):
    reading = Reading(str(table), window=60, stride=30)
    predict_file(str(classifier), reading, tmp_path / "out.parquet", each_window=True)
    import pyarrow.parquet as pq

    rows = [row for row in pq.read_table(tmp_path / "out.parquet").to_pylist() if row["name"] == "s5"]
    assert [(row["start"], row["stop"]) for row in rows] == [
        (start, start + 60) for start in (0, 30, 60, 90, 120, 140)
    ]
    expected = by_hand(classifier, sequences[5][140:])
    assert rows[-1]["probability_silencer"] == pytest.approx(expected[1], abs=1e-5)


def test_a_killed_prediction_goes_on(
    classifier: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    predict_file(str(classifier), Reading(str(table)), tmp_path / "straight.tsv")
    real = Collector.add

    def killed(self: Any, row: Any, done: int, weight: int = 1) -> None:
        real(self, row, done, weight)
        self.flush()
        if done == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Collector, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        predict_file(str(classifier), Reading(str(table)), tmp_path / "out.tsv")
    monkeypatch.setattr(Collector, "add", real)
    assert predict_file(str(classifier), Reading(str(table)), tmp_path / "out.tsv").resumed_at == 3
    for one, two in zip(rows_of(tmp_path / "out.tsv"), rows_of(tmp_path / "straight.tsv"), strict=True):
        assert one["prediction"] == two["prediction"]


def test_a_pretrained_model_cannot_predict(tiny_model: Path, table: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"has no trained head.*dnamask finetune"):
        predict_file(str(tiny_model), Reading(str(table)), tmp_path / "out.tsv")


def test_a_stream_gets_the_same_table(classifier: Path, table: Path, tmp_path: Path):
    stream = io.BytesIO()
    predict_file(str(classifier), Reading(str(table)), stream)
    predict_file(str(classifier), Reading(str(table)), tmp_path / "out.tsv")
    assert stream.getvalue() == (tmp_path / "out.tsv").read_bytes()


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main([*arguments])
    return int(end.value.code or 0)


def test_the_commands_as_typed(
    classifier: Path, tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: Any
):
    monkeypatch.chdir(tmp_path)
    Path("in.fa.gz").write_bytes(gzip.compress(b">a b\nacgttgcattag\n>c\nTATAAAAGGC\n"))
    assert run("predict", str(classifier), "in.fa.gz", "-o", "out.tsv") == 0
    assert [row["name"] for row in rows_of(Path("out.tsv"))] == ["a", "c"]
    assert "out.tsv: 2 predictions: enhancer" in capfd.readouterr().err
    assert run("predict", str(classifier), "in.fa.gz") == 0
    assert capfd.readouterr().out == Path("out.tsv").read_text()
    assert run("predict", str(classifier), "in.fa.gz", "-o", "out.tsv") == 2
    assert "out.tsv: is there already" in capfd.readouterr().err
    assert run("embed", str(tiny_model), "in.fa.gz", "-o", "out.npz", "--layer", "0") == 0
    assert "2 vectors of 32 numbers (mean, layer 0)" in capfd.readouterr().out
    assert (
        run("score", str(tiny_model), "in.fa.gz", "-o", "s.tsv", "--picture", "s.png", "--both-strands") == 0
    )
    assert "22 nucleotides, 22 of them scored" in capfd.readouterr().out
    assert Path("s.png").read_bytes().startswith(b"\x89PNG")
    Path("v.tsv").write_text("chrom\tpos\tref\talt\nc\t1\tT\tG\n")
    assert run("score", str(tiny_model), "--variants", "v.tsv", "--reference", "in.fa.gz", "-o", "e.tsv") == 0
    assert "1 variants; effect = ln p(alt) - ln p(ref)" in capfd.readouterr().out
    assert float(rows_of(Path("e.tsv"))[0]["effect"]) != 0
    for wrong in (
        ["score", str(tiny_model)],
        ["score", str(tiny_model), "--variants", "v.tsv"],
        ["score", str(tiny_model), "in.fa.gz", "--variants", "v.tsv"],
        ["score", str(tiny_model), "in.fa.gz", "--spacing", "0"],
        ["predict", str(classifier), "in.fa.gz", "--window", "5", "--stride", "6"],
        ["predict", str(classifier), "missing.fa"],
        ["embed", str(tiny_model), "in.fa.gz", "-o", "t.npz", "--pool", "tokens", "--picture", "t.png"],
    ):
        assert run(*wrong) == 2, wrong
        assert capfd.readouterr().err.startswith("error: ")


@pytest.fixture(scope="module")
def of_pairs(fine_tuned: Callable[[str], Path]) -> Path:
    folder = fine_tuned("classification")
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"sequences_per_row": 2}))
    return folder


def pair_by_hand(folder: Path, first: str, second: str) -> np.ndarray:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    one, two = (AutoTokenizer.from_pretrained(folder)(each)["input_ids"] for each in (first, second))
    ids = torch.tensor([one + two[1:]])
    segments = torch.tensor([[0] * len(one) + [1] * (len(two) - 1)])
    with torch.no_grad():
        return torch.softmax(model(ids, token_type_ids=segments).logits[0].double(), 0).numpy()


def test_pairs_are_joined_as_for_fine_tuning(of_pairs: Path, sequences: list[str], tmp_path: Path):
    rows = [*zip(sequences, sequences[::-1], strict=True), (sequences[0], "A")]
    table = write_csv(tmp_path / "pairs.csv", rows, "sequence1,sequence2")
    seen: list[int] = []
    summary = predict_file(str(of_pairs), Reading(str(table)), tmp_path / "out.tsv", progress=seen.append)
    found = rows_of(tmp_path / "out.tsv")
    assert (summary.rows, summary.too_short, summary.cut) == (7, 3, 0)
    assert sum(seen) == sum(len(one) + len(two) for one, two in rows)
    for row, (first, second) in zip(found, rows, strict=True):
        if min(len(first), len(second)) < 3:
            assert row["prediction"] == ""
            continue
        values = [float(row[f"probability_{name}"]) for name in NAMES["classification"]]
        np.testing.assert_allclose(values, pair_by_hand(of_pairs, first, second), atol=1e-5)
    other = write_csv(tmp_path / "named.csv", rows, "enhancer,promoter")
    reading = Reading(str(other), ColumnNames("enhancer,promoter"))
    predict_file(str(of_pairs), reading, tmp_path / "both.tsv", both_strands=True)
    (first, second), values = rows[0], rows_of(tmp_path / "both.tsv")[0]
    flipped = (each.translate(COMPLEMENT)[::-1] for each in (first, second))
    expected = (pair_by_hand(of_pairs, first, second) + pair_by_hand(of_pairs, *flipped)) / 2
    assert float(values["probability_enhancer"]) == pytest.approx(expected[0], abs=1e-5)


def test_pairs_and_single_sequences_are_not_confused(
    of_pairs: Path, classifier: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pairs = write_csv(tmp_path / "pairs.csv", [("ACGTACGT", "ACGTTTTT")], "seq1,seq2")
    for model, data, more, message in (
        (of_pairs, table, [], "fine-tuned on pairs; give a table with sequence1 and sequence2"),
        (classifier, pairs, [], "holds pairs of sequences"),
        (of_pairs, pairs, ["--window", "5"], "not cut into windows"),
        (of_pairs, pairs, ["--sequence-column", "seq1,seq2,seq3"], "names 3 columns"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["predict", str(model), str(data), *more])
        assert stopped.value.code == 2
        assert message in " ".join(capsys.readouterr().err.split())


def test_progress_counts_each_nucleotide_once(
    classifier: Path, table: Path, sequences: list[str], tmp_path: Path
):
    """With windows that overlap, and with both strands, the bar went beyond its end."""
    seen: list[int] = []
    reading = Reading(str(table), window=60, stride=20)
    predict_file(str(classifier), reading, tmp_path / "out.tsv", both_strands=True, progress=seen.append)
    assert sum(seen) == sum(map(len, sequences)) == reading.count()
