"""Floors: they find what is there to find, choose on dev, repeat themselves, and are rows like any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_data import labelled, random_dna

from dnamask_plugins.cli import main
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.harness.baselines import BASELINES, BaselineSource, cnn, fit_baseline
from dnamask_plugins.harness.baselines.kmers import count
from dnamask_plugins.harness.baselines.onehot import by_place
from dnamask_plugins.harness.trial_rows import TrialRows
from dnamask_plugins.results.metrics import compute_scores
from dnamask_plugins.results.record_files import find, read
from dnamask_plugins.tasks.data import LabelledData


@pytest.fixture
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cnn.SETTINGS, "least_steps", 10)
    monkeypatch.setitem(cnn.SETTINGS, "epochs", 2)


def data_of(rows: list[tuple[str, int]], partners: list[str] | None = None) -> LabelledData:
    sequences, labels = zip(*rows, strict=True)
    second = None if partners is None else tuple(partners)
    return LabelledData(Path("made_up.csv"), "0" * 64, tuple(sequences), second, np.array(labels))


def rows_of(maker, dev: bool = True) -> TrialRows:
    return TrialRows(
        data_of(maker(1, 240)), data_of(maker(2, 80)) if dev else None, data_of(maker(3, 200)), 2, "mcc"
    )


def mcc(rows: TrialRows, scores: np.ndarray) -> float:
    return compute_scores(rows.test.labels, scores.argmax(1), rows.classes)["mcc"]


def placed(seed: int, count: int) -> list[tuple[str, int]]:
    """Rows of one composition: the label is the letter at place 20."""
    generator = np.random.default_rng(seed)
    rows = []
    for row in range(count):
        letters = list(random_dna(generator, 40))
        letters[20] = "AT"[row % 2]
        rows.append(("".join(letters), row % 2))
    return rows


@pytest.mark.parametrize("name", ["kmers", "cnn"])
def test_a_motif_anywhere_is_found(name: str):
    rows = rows_of(labelled)
    fitted = fit_baseline(name, rows, 0)
    assert mcc(rows, fitted.scores) > 0.8
    assert fitted.scores.dtype == np.float32
    np.testing.assert_allclose(fitted.scores.sum(1), 1, atol=1e-5)
    assert fitted.select_by == "dev mcc"


def test_only_places_tell_what_composition_does_not():
    rows = rows_of(placed)
    assert mcc(rows, fit_baseline("onehot", rows, 0).scores) > 0.95
    assert mcc(rows, fit_baseline("kmers", rows, 0).scores) < 0.3


@pytest.mark.usefixtures("short_training")
@pytest.mark.parametrize("name", list(BASELINES))
def test_labels_without_meaning_give_nothing_and_no_dev_is_no_obstacle(name: str):
    tossed = np.random.default_rng(5).integers(0, 2, 120)
    made = [(sequence, int(label)) for (sequence, _), label in zip(placed(1, 120), tossed, strict=True)]
    rows = TrialRows(data_of(made), None, data_of(placed(3, 200)), 2, "accuracy")
    fitted = fit_baseline(name, rows, 0)
    assert abs(mcc(rows, fitted.scores)) < 0.3
    assert fitted.select_by in ("5-fold cross-validation accuracy", "last epoch")


@pytest.mark.usefixtures("short_training")
@pytest.mark.parametrize("name", list(BASELINES))
def test_the_same_seed_gives_the_same_figures_and_test_chooses_nothing(name: str):
    rows = rows_of(labelled)
    first, second = (fit_baseline(name, rows, 3).scores for _ in range(2))
    np.testing.assert_array_equal(first, second)
    turned = TrialRows(rows.train, rows.dev, data_of([(s, 1 - c) for s, c in labelled(3, 200)]), 2, "mcc")
    np.testing.assert_array_equal(fit_baseline(name, turned, 3).scores, first)


@pytest.mark.usefixtures("short_training")
@pytest.mark.parametrize("name", list(BASELINES))
def test_pairs_three_classes_short_rows_and_unknown_letters_fit(name: str):
    made = [("ACGTN" * 4, 0), ("A", 1), ("TTTT" * 12, 2)] * 9
    data = data_of(made, ["ACG", "NNNNNNNN", "T" * 50] * 9)
    fitted = fit_baseline(name, TrialRows(data, None, data, 3, "mcc"), 0)
    assert fitted.scores.shape == (27, 3)
    assert np.isfinite(fitted.scores).all()


def test_features_are_what_they_say():
    data = data_of([("AACGA", 0), ("TTT", 1)])
    counts = count([data, data_of([("GGGGG", 0)])], 2)
    assert counts[0].shape == (2, 5)  # AA AC CG GA TT
    assert counts[1].nnz == 0
    matrix = by_place([data], 2)[0]
    assert matrix.shape == (2, 5 * 4 + 4 * 16)
    assert matrix.sum(1).ravel().tolist() == [[9.0, 5.0]]
    assert matrix[0, 0] == 1  # A at place 0
    assert matrix[0, 20 + 2 * 16 + 1 * 4 + 2] == 1  # CG at place 2


def test_a_name_that_is_none_is_said():
    with pytest.raises(ConfigError, match=r"baseline:kmer: no such baseline; did you mean 'kmers'"):
        BaselineSource.find("baseline:kmer")


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.mark.usefixtures("short_training")
@pytest.mark.parametrize(("name", "seeds"), [("kmers", 1), ("cnn", 3)])
def test_a_floor_is_a_row_of_the_harness(
    name: str, seeds: int, toy_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ["gue", "run", "--model", f"baseline:{name}", "--gue-dir", toy_suite.parent / "data"]
    arguments += ["--tasks", toy_suite, "--out", tmp_path / "out"]
    assert call(*arguments) == 0
    assert f"{seeds}/{seeds}" in capsys.readouterr().out
    records = [read(path) for path in find([tmp_path / "out"])]
    assert {record.task.name for record in records} == {"toy/motif", "toy/other"}
    assert {record.run.method for record in records} == {"baseline"}
    assert {record.model.reference for record in records} == {f"baseline:{name}"}
    assert {record.run.select_by for record in records} == {"dev mcc", "dev accuracy"}
    assert call("results", "verify", tmp_path / "out" / "records") == 0
    capsys.readouterr()
    assert call(*arguments) == 0
    assert f"{2 * seeds} of {2 * seeds} trials are finished" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more", [["--lora"], ["--recipe", "nt"], ["--set", "max_steps=3"], ["--max-length", "9"]]
)
def test_settings_of_a_fine_tuning_are_refused(
    more: list[str], toy_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ["gue", "run", "--model", "baseline:kmers", "--gue-dir", toy_suite.parent / "data"]
    assert call(*arguments, "--tasks", toy_suite, "--out", tmp_path / "out", *more) == 2
    assert "is no model that is fine-tuned" in " ".join(capsys.readouterr().err.split())
