from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.results.resampling import confusion, metric_of, percentile_interval, resample

ORACLES = {
    "mcc": matthews_corrcoef,
    "f1_macro": lambda labels, predictions: f1_score(labels, predictions, average="macro"),
    "accuracy": accuracy_score,
}


@pytest.mark.parametrize("metric", ORACLES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_metrics_are_those_of_scikit_learn(metric, data):
    classes = data.draw(st.integers(2, 9))
    rows = data.draw(st.integers(1, 40))
    draw = st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows)
    labels, predictions = np.array(data.draw(draw)), np.array(data.draw(draw))
    ours = float(metric_of(metric, confusion(labels, predictions, classes)))
    assert ours == pytest.approx(ORACLES[metric](labels, predictions), abs=1e-12)


def test_many_matrices_at_once_are_scored_one_by_one():
    matrices = np.random.default_rng(0).integers(0, 20, (5, 4, 3, 3))
    for metric in ORACLES:
        together = metric_of(metric, matrices)
        assert together.shape == (5, 4)
        assert together[2, 1] == metric_of(metric, matrices[2, 1])


def test_unknown_metric_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'mcc'"):
        metric_of("mc", np.eye(2, dtype=int))


def test_bootstrap_agrees_with_drawing_rows_by_hand():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 300)
    predictions = np.where(rng.random(300) < 0.7, labels, rng.integers(0, 3, 300))
    ours = resample("mcc", labels, [predictions], 3, resamples=4000).values[0]
    rows = rng.integers(300, size=(4000, 300))
    naive = [matthews_corrcoef(labels[row], predictions[row]) for row in rows[:1500]]
    assert np.mean(ours) == pytest.approx(np.mean(naive), abs=0.005)
    assert np.std(ours) == pytest.approx(np.std(naive), rel=0.08)
    assert percentile_interval(ours) == pytest.approx(percentile_interval(np.array(naive)), abs=0.012)


def test_columns_share_their_resamples():
    labels = np.random.default_rng(0).integers(0, 2, 100)
    same = resample("accuracy", labels, [labels, labels, 1 - labels], 2, resamples=50).values
    assert (same[0] == 1).all()
    assert (same[2] == 0).all()
    noisy = np.where(np.arange(100) < 30, 1 - labels, labels)
    twice = resample("accuracy", labels, [noisy, noisy], 2, resamples=50).values
    np.testing.assert_array_equal(twice[0], twice[1])
    assert np.unique(twice[0]).size > 5


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(11)
    labels = np.tile([0, 1], 150)
    covered = 0
    for trial in range(200):
        predictions = np.where(rng.random(300) < 0.8, labels, 1 - labels)
        low, high = percentile_interval(
            resample("accuracy", labels, [predictions], 2, resamples=400, seed=trial).values[0]
        )
        covered += low <= 0.8 <= high
    assert 0.90 <= covered / 200 <= 0.99
