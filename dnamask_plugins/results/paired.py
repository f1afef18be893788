"""Whether two sets of answers to the same test rows differ by more than noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.resampling import resample


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the two-sided p of McNemar's exact test, from the rows that only one side gets right.

    Examples
    --------
    >>> mcnemar(0, 5)
    0.0625
    """
    from scipy.stats import binomtest

    discordant = only_a + only_b
    return float(binomtest(only_b, discordant, 0.5).pvalue) if discordant else 1.0


def vote(predictions: Sequence[NDArray[np.int64]], classes: int) -> NDArray[np.int64]:
    """Return each row's most frequent prediction; on a draw, the earliest seed's among those that lead.

    Examples
    --------
    >>> vote([np.array([0, 1]), np.array([1, 1]), np.array([1, 0])], 2).tolist()
    [1, 1]
    """
    stacked = np.stack(predictions)
    rows = np.arange(stacked.shape[1])
    counts = np.zeros((stacked.shape[1], classes), dtype=np.int64)
    for row in stacked:
        counts[rows, row] += 1
    leading = counts[rows, stacked] == counts.max(axis=1)
    return np.asarray(stacked[leading.argmax(axis=0), rows])


def difference_draws(
    metric: str, a: Sequence[Predictions], b: Sequence[Predictions], classes: int, resamples: int, seed: int
) -> NDArray[np.float64]:
    """Return B minus A in each resample of rows and seeds, shape (resamples,)."""
    columns = [item.predictions for item in (*a, *b)]
    values = resample(metric, a[0].labels, columns, classes, resamples=resamples, seed=seed).values
    rng = np.random.default_rng((seed, 1))
    means = [_mean_of_drawn_seeds(values[: len(a)], rng), _mean_of_drawn_seeds(values[len(a) :], rng)]
    return np.asarray(means[1] - means[0])


def _mean_of_drawn_seeds(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    count, resamples = values.shape
    if count == 1:
        return np.asarray(values[0])
    # Drawing n of n again shrinks the spread of the seeds by (n - 1) / n; the factor undoes that.
    centre = values.mean(axis=0)
    drawn = np.take_along_axis(values, rng.integers(count, size=(count, resamples)), axis=0).mean(axis=0)
    return np.asarray(centre + (drawn - centre) * np.sqrt(count / (count - 1)))
