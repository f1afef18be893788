"""Metrics from confusion matrices, and the bootstrap over test rows that gives them an interval.

A resample of the rows is a multinomial draw over the distinct (label, prediction, ...) rows, so that
ten thousand resamples cost the same for a hundred test rows as for a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.tasks.metrics import metrics_of

METRICS: Final = metrics_of("classification")
LEVEL: Final = 0.95
RESAMPLES: Final = 2000
_CHUNK: Final = 250

IntArray = NDArray[np.integer]
FloatArray = NDArray[np.float64]


def confusion(labels: IntArray, predictions: IntArray, classes: int) -> NDArray[np.int64]:
    """Count (label, prediction) pairs.

    Parameters
    ----------
    labels, predictions : int array, shape (n,)
        Values in 0..classes-1.
    classes : int

    Returns
    -------
    int64 array, shape (classes, classes)
        Rows are labels, columns predictions.

    Examples
    --------
    >>> confusion(np.array([0, 1, 1]), np.array([0, 1, 0]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    cells = np.asarray(labels, dtype=np.int64) * classes + np.asarray(predictions, dtype=np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def metric_of(metric: str, confusions: NDArray[np.int64] | FloatArray) -> FloatArray:
    """Compute a metric of one or many confusion matrices.

    ``mcc`` is the multi-class Matthews correlation of Gorodkin (2004), 0 where it is not defined (all
    predictions in one class); ``f1_macro`` averages over the classes that occur as label or prediction,
    as scikit-learn does; ``accuracy`` is the share on the diagonal.

    Parameters
    ----------
    metric : str
        One of `METRICS`.
    confusions : array of counts, shape (..., C, C)

    Returns
    -------
    float64 array, shape (...)

    Raises
    ------
    ConfigError
        The metric is not known.

    Examples
    --------
    >>> float(metric_of("mcc", np.array([[5, 0], [0, 5]])))
    1.0
    >>> float(metric_of("mcc", np.array([[5, 0], [5, 0]])))
    0.0
    """
    matrices = np.asarray(confusions, dtype=np.float64)
    rows = matrices.sum(axis=-1)
    columns = matrices.sum(axis=-2)
    hits = np.diagonal(matrices, axis1=-2, axis2=-1)
    total = rows.sum(axis=-1)
    if metric == "accuracy":
        return _divide(hits.sum(axis=-1), total)
    if metric == "f1_macro":
        occurs = rows + columns > 0
        return _divide(_divide(2 * hits, rows + columns).sum(axis=-1), occurs.sum(axis=-1))
    if metric == "mcc":
        covariance = hits.sum(axis=-1) * total - (rows * columns).sum(axis=-1)
        spread = (total**2 - (rows**2).sum(axis=-1)) * (total**2 - (columns**2).sum(axis=-1))
        return _divide(covariance, np.sqrt(spread))
    raise ConfigError(f"metric '{metric}' is not known; {suggest(metric, METRICS)}")


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    result = np.zeros(np.broadcast(numerator, denominator).shape)
    return np.divide(numerator, denominator, out=result, where=denominator > 0)


@dataclass(frozen=True)
class Resampled:
    """Metrics of several prediction columns under the same resamples of the rows.

    Attributes
    ----------
    values : float64 array, shape (columns, resamples)
    """

    values: FloatArray

    def interval_of_mean(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the percentile interval of the mean over the columns."""
        return percentile_interval(self.values.mean(axis=0), level)


def percentile_interval(values: FloatArray, level: float = LEVEL) -> tuple[float, float]:
    """Return the central interval that holds a share `level` of the values."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resample(
    metric: str,
    labels: IntArray,
    columns: Sequence[IntArray],
    classes: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Resampled:
    """Draw the test rows again with replacement, and score every prediction column on each draw.

    All columns see the same draws: differences between columns are paired.

    Parameters
    ----------
    metric : str
    labels : int array, shape (n,)
    columns : sequence of int arrays, shape (n,)
        Predictions, for example one array for each seed.
    classes : int
    resamples, seed : int

    Returns
    -------
    Resampled
    """
    table = np.column_stack([labels, *columns]).astype(np.int64)
    distinct, counts = np.unique(table, axis=0, return_counts=True)
    cell_of_row = distinct[:, :1] * classes + distinct[:, 1:]
    rng = np.random.default_rng(seed)
    values = np.empty((len(columns), resamples))
    for start in range(0, resamples, _CHUNK):
        block = slice(start, min(start + _CHUNK, resamples))
        draws = rng.multinomial(len(table), counts / len(table), size=block.stop - start).astype(np.float64)
        for column in range(len(columns)):
            hot = np.zeros((len(distinct), classes * classes))
            hot[np.arange(len(distinct)), cell_of_row[:, column]] = 1
            values[column, block] = metric_of(metric, (draws @ hot).reshape(-1, classes, classes))
    return Resampled(values)
