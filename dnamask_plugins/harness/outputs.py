"""From what a model gives out to what it says: one place for each kind of task."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.scoring import scores_of


def predictions_from(
    labels: NDArray[Any], outputs: NDArray[np.float32], leaked: NDArray[np.bool_] | None = None
) -> Predictions:
    """Turn outputs into predictions; the kind of the task shows in the labels.

    Parameters
    ----------
    labels : array
        int64 (n,) classes; float64 (n,) numbers; or int64 (n, labels) of 0 and 1.
    outputs : float32 array, shape (n, classes), (n, 1) or (n, labels)
        Of several labels as log-odds: above 0 means yes.
    leaked : bool array, shape (n,), optional

    Examples
    --------
    >>> predictions_from(np.array([0, 1]), np.array([[2, 1], [0, 3]], dtype=np.float32)).predictions.tolist()
    [0, 1]
    >>> predictions_from(np.array([[0, 1]]), np.array([[-2, 0.5]], dtype=np.float32)).predictions.tolist()
    [[0, 1]]
    """
    if labels.ndim == 2:
        return Predictions(labels, (outputs > 0).astype(np.int64), outputs, leaked)
    if np.issubdtype(labels.dtype, np.floating):
        return Predictions(labels, outputs.reshape(len(labels)).astype(np.float64), None, leaked)
    return Predictions(labels, outputs.argmax(axis=1).astype(np.int64), outputs, leaked)


def scores_from(labels: NDArray[Any], outputs: NDArray[np.float32], classes: int) -> dict[str, float]:
    """Return every metric of the kind of task. See `predictions_from`."""
    return scores_of(predictions_from(labels, outputs), classes)
