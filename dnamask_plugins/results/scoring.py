"""Every metric of a kind of task from predictions, and the bootstrap interval of the one that counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError, InputError, suggest
from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.resampling import LEVEL, confusion, metric_of, percentile_interval, resample
from dnamask_plugins.tasks.metrics import METRICS, metrics_of

RowMetric = Callable[[Predictions], float]


def scores_of(predictions: Predictions, classes: int) -> dict[str, float]:
    """Compute every metric of the predictions' kind.

    Parameters
    ----------
    predictions : Predictions
    classes : int
        Number of classes of a classification; one that occurs nowhere takes no part in macro-F1.

    Returns
    -------
    dict of str to float
        Metric to fraction: ``mcc, f1_macro, accuracy``; ``pearson, spearman, r2``; or ``auroc, auprc``.
        A correlation with a constant is 0.

    Raises
    ------
    InputError
        A multi-label task without scores, or of which no label is both present and absent in the rows.

    Examples
    --------
    >>> scores_of(Predictions(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])), classes=2)["accuracy"]
    0.75
    """
    if predictions.kind == "classification":
        counted = confusion(predictions.labels, predictions.predictions, classes)
        return {name: float(metric_of(name, counted)) for name in metrics_of("classification")}
    return {name: _ROW_METRICS[name](predictions) for name in metrics_of(predictions.kind)}


def score(predictions: Predictions, metric: str, classes: int) -> float:
    """Compute one metric.

    Raises
    ------
    ConfigError
        It does not belong to this kind of task.
    """
    known = metrics_of(predictions.kind)
    if metric not in known:
        raise ConfigError(f"metric '{metric}' of a {predictions.kind} task; {suggest(metric, known)}")
    if predictions.kind == "classification":
        return float(metric_of(metric, confusion(predictions.labels, predictions.predictions, classes)))
    return _ROW_METRICS[metric](predictions)


def score_without_leaks(predictions: Predictions, metric: str, classes: int) -> float | None:
    """Compute a metric over the rows whose sequence is not in the training data; None where none is left."""
    if predictions.leaked is None or not predictions.leaked.any():
        return score(predictions, metric, classes)
    return None if predictions.leaked.all() else score(predictions.without_leaks(), metric, classes)


def draws_of(
    metric: str, seeds: Sequence[Predictions], classes: int, resamples: int, seed: int = 0
) -> NDArray[np.float64]:
    """Score each seed on resampled test rows, the same rows for all seeds; shape (seeds, resamples)."""
    first = seeds[0]
    if first.kind == "classification":
        columns = [item.predictions for item in seeds]
        return resample(metric, first.labels, columns, classes, resamples=resamples, seed=seed).values
    generator = np.random.default_rng(seed)
    values = np.empty((len(seeds), resamples))
    of = _ROW_METRICS[metric]
    for draw in range(resamples):
        rows = generator.integers(len(first), size=len(first))
        values[:, draw] = [_or_nan(of, item.take(rows)) for item in seeds]
    return values


def bootstrap_interval(
    metric: str, seeds: Sequence[Predictions], classes: int, resamples: int
) -> dict[str, Any] | None:
    """Return the 95% percentile bootstrap interval, over test rows, of the mean over the seeds.

    None where no draw of the rows can be scored (a handful of rows of a multi-label task).
    """
    means = draws_of(metric, seeds, classes, resamples).mean(axis=0)
    known = means[np.isfinite(means)]
    if not known.size:
        return None
    low, high = percentile_interval(known)
    return {
        "low": low,
        "high": high,
        "level": LEVEL,
        "resamples": resamples,
        "method": "percentile over test rows",
    }


def _or_nan(of: RowMetric, predictions: Predictions) -> float:
    try:
        return of(predictions)
    except InputError:
        return np.nan


def _correlation(predictions: Predictions, of: str) -> float:
    from scipy import stats

    if np.ptp(predictions.predictions) == 0 or np.ptp(predictions.labels) == 0:
        return 0.0
    measure = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}[of]
    return float(measure(predictions.labels, predictions.predictions)[0])


def _r2(predictions: Predictions) -> float:
    spread = float(np.sum((predictions.labels - predictions.labels.mean()) ** 2))
    wrong = float(np.sum((predictions.labels - predictions.predictions) ** 2))
    return 1 - wrong / spread if spread > 0 else 0.0


def _over_labels(predictions: Predictions, of: str) -> float:
    """Average over the labels that occur and are missing at least once, as scikit-learn's macro average."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    if predictions.scores is None:
        raise InputError(f"{METRICS[of].title} needs a score for every label; keep the model's scores")
    both = (predictions.labels.min(axis=0) == 0) & (predictions.labels.max(axis=0) == 1)
    if not both.any():
        raise InputError(
            f"{METRICS[of].title}: no label is both present and absent in the rows; use more rows"
        )
    measure = {"auroc": roc_auc_score, "auprc": average_precision_score}[of]
    return float(measure(predictions.labels[:, both], predictions.scores[:, both], average="macro"))


_ROW_METRICS: Final[Mapping[str, RowMetric]] = {
    "pearson": lambda item: _correlation(item, "pearson"),
    "spearman": lambda item: _correlation(item, "spearman"),
    "r2": _r2,
    "auroc": lambda item: _over_labels(item, "auroc"),
    "auprc": lambda item: _over_labels(item, "auprc"),
}
