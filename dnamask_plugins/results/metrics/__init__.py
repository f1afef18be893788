"""Metrics as `evaluate` modules that ship with the package and load without a network."""

from __future__ import annotations

import functools
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.scoring import scores_of


@functools.cache
def load_metric(name: str = "dna_classification") -> Any:
    """Load a shipped `evaluate` module by name; nothing is fetched.

    Examples
    --------
    >>> metric = load_metric()
    >>> scores = metric.compute(predictions=[0, 1, 1, 0], references=[0, 1, 0, 0], classes=2)
    >>> round(scores["mcc"], 4), scores["accuracy"]
    (0.5774, 0.75)
    """
    import evaluate

    # A private id keeps runs on one machine from sharing a lock file.
    return evaluate.load(
        str(Path(__file__).parent / name), experiment_id=uuid.uuid4().hex, keep_in_memory=True
    )


def compute_scores(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], classes: int
) -> dict[str, float]:
    """Compute MCC, macro-F1 and accuracy; what the shipped module computes, without its files.

    Parameters
    ----------
    labels, predictions : int64 array, shape (n,)
    classes : int
        Number of classes; one that occurs nowhere takes no part in macro-F1.

    Returns
    -------
    dict
        ``mcc``, ``f1_macro``, ``accuracy``.
    """
    return scores_of(Predictions(np.asarray(labels), np.asarray(predictions)), classes)
