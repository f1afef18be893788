"""Metrics of the three kinds of task against scikit-learn and SciPy, and their records."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from harness_records import FILES, TATA
from scipy import stats
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.results import record_files
from dnamask_plugins.results.measuring import measured
from dnamask_plugins.results.predictions import Predictions, decode, encode
from dnamask_plugins.results.records import ModelInfo, RunInfo, SeedOutcome, TaskInfo
from dnamask_plugins.results.scoring import score, scores_of
from dnamask_plugins.results.verify import verify

REGRESSION = TaskInfo("toy/expression", "toy", "spearman", 1, data_sha256=FILES, kind="regression")
LABELS = TaskInfo("toy/marks", "toy", "auroc", 3, data_sha256=FILES, kind="multi_label")


def values(rows: int = 60, seed: int = 0) -> Predictions:
    generator = np.random.default_rng(seed)
    truth = np.random.default_rng(1).normal(size=rows)
    return Predictions(truth, truth + generator.normal(size=rows))


def marks(rows: int = 60, seed: int = 0) -> Predictions:
    truth = np.random.default_rng(1).integers(0, 2, (rows, 3))
    scores = (truth + np.random.default_rng(seed).normal(size=truth.shape)).astype(np.float32)
    return Predictions(truth, (scores > 0.5).astype(int), scores)


def test_regression_and_labels_are_scored_as_others_do():
    item = values()
    assert scores_of(item, 1) == pytest.approx(
        {
            "pearson": stats.pearsonr(item.labels, item.predictions)[0],
            "spearman": stats.spearmanr(item.labels, item.predictions)[0],
            "r2": r2_score(item.labels, item.predictions),
        }
    )
    item = marks()
    assert scores_of(item, 3) == pytest.approx(
        {
            "auroc": roc_auc_score(item.labels, item.scores),
            "auprc": average_precision_score(item.labels, item.scores),
        }
    )


@pytest.mark.parametrize(("task", "made"), [(REGRESSION, values), (LABELS, marks)])
def test_their_records_are_written_read_and_verified(tmp_path, task, made):
    seeds = [SeedOutcome(seed, made(seed=seed)) for seed in (0, 1)]
    record = measured(ModelInfo("m"), task, RunInfo(), seeds, resamples=50)
    path = record_files.write(record, seeds, tmp_path)
    again = record_files.read(path)
    assert again.id == record.id
    assert again.seeds[0]["scores"] == pytest.approx(scores_of(seeds[0].predictions, task.classes))
    assert again.interval["low"] < again.mean < again.interval["high"]
    assert verify(path).problems == ()


@pytest.mark.parametrize("made", [values, marks])
def test_their_predictions_are_read_back_exactly(made):
    before = dataclasses.replace(made(), leaked=np.arange(60) < 3)
    after = decode(encode(before), "here")
    assert after.kind == before.kind
    np.testing.assert_array_equal(after.labels, before.labels)
    np.testing.assert_array_equal(after.predictions, before.predictions)
    np.testing.assert_array_equal(after.leaked, before.leaked)
    assert encode(after) == encode(before)


def test_a_label_that_never_varies_is_left_out_and_none_that_does_is_an_error():
    item = marks()
    constant = item.labels.copy()
    constant[:, 1] = 1
    some = Predictions(constant, item.predictions, item.scores)
    assert scores_of(some, 3)["auroc"] == pytest.approx(
        roc_auc_score(constant[:, [0, 2]], item.scores[:, [0, 2]])
    )
    with pytest.raises(InputError, match="both present and absent"):
        scores_of(Predictions(np.ones_like(constant), item.predictions, item.scores), 3)
    with pytest.raises(InputError, match="needs a score"):
        scores_of(Predictions(item.labels, item.predictions), 3)


def test_a_constant_answer_correlates_with_nothing():
    item = Predictions(np.array([0.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0]))
    assert scores_of(item, 1) == {"pearson": 0.0, "spearman": 0.0, "r2": 0.0}
    assert item.collapsed


def test_a_metric_of_another_kind_is_refused():
    with pytest.raises(ConfigError, match="metric 'mcc' of a regression task"):
        score(values(), "mcc", 1)
    with pytest.raises(ConfigError, match="metric 'auroc' of a classification task"):
        measured(
            ModelInfo("m"), dataclasses.replace(TATA, metric="auroc"), RunInfo(), [SeedOutcome(0, error="x")]
        )
    with pytest.raises(InputError, match="holds a regression, but the task is a classification"):
        measured(ModelInfo("m"), TATA, RunInfo(), [SeedOutcome(0, values())])


@pytest.mark.parametrize("what", ["scores", "predictions"])
def test_what_is_not_finite_is_refused(what):
    good = values()
    bad = {
        "labels": good.labels,
        "predictions": good.predictions,
        "scores": good.labels[:, None].astype(np.float32),
    }
    bad[what] = bad[what].copy()
    bad[what][4] = np.nan
    with pytest.raises(InputError, match=f"{what}: row 5 is not finite; the model diverged"):
        Predictions(**bad)
