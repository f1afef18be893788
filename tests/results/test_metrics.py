"""The shipped `evaluate` module against scikit-learn."""

from __future__ import annotations

import socket

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from dnamask_plugins.results.metrics import compute_scores, load_metric


def sklearn_scores(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    return {
        "mcc": matthews_corrcoef(labels, predictions),
        "f1_macro": f1_score(labels, predictions, average="macro", zero_division=0),
        "accuracy": accuracy_score(labels, predictions),
    }


@pytest.mark.parametrize("classes", [2, 3, 9, 25])
@pytest.mark.parametrize("skill", [0.0, 0.5, 0.95])
def test_equals_scikit_learn(classes: int, skill: float):
    generator = np.random.default_rng(classes)
    for rows in (5, 40, 700):
        labels = generator.integers(0, classes, rows)
        guesses = generator.integers(0, classes, rows)
        predictions = np.where(generator.random(rows) < skill, labels, guesses)
        assert compute_scores(labels, predictions, classes) == pytest.approx(
            sklearn_scores(labels, predictions)
        )


def test_a_collapsed_model_has_mcc_0():
    labels = np.array([0, 1, 1, 0, 1])
    assert compute_scores(labels, np.ones(5, dtype=np.int64), 2)["mcc"] == 0.0
    assert compute_scores(labels, labels, 2) == {"mcc": 1.0, "f1_macro": 1.0, "accuracy": 1.0}
    assert compute_scores(labels, 1 - labels, 2)["mcc"] == -1.0


def test_is_an_evaluate_module_that_loads_without_a_network(monkeypatch: pytest.MonkeyPatch):
    import evaluate

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    load_metric.cache_clear()
    metric = load_metric()
    assert isinstance(metric, evaluate.EvaluationModule)
    metric.add_batch(predictions=[0, 1], references=[0, 1])
    metric.add_batch(predictions=[1, 1], references=[1, 0])
    assert metric.compute(classes=2)["accuracy"] == 0.75
