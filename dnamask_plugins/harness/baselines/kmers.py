"""Floor: logistic regression on how often each k-mer occurs."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

from dnamask_plugins.harness.baselines.fit import Fitted, Progress
from dnamask_plugins.harness.baselines.linear import MAX_ITERATIONS, choose_and_fit
from dnamask_plugins.harness.trial_rows import TrialRows
from dnamask_plugins.tasks.data import LabelledData

TITLE: Final = "k-mer counts"
VARIES: Final = False
SIZES: Final = (3, 4, 5, 6)
PENALTIES: Final = (0.1, 1.0, 10.0, 100.0)
SETTINGS: Final[Mapping[str, Any]] = {
    "version": 1,
    "k": list(SIZES),
    "C": list(PENALTIES),
    "scale": "log1p, rows of length 1",
    "max_iter": MAX_ITERATIONS,
}


def fit(rows: TrialRows[LabelledData], seed: int, progress: Progress | None = None) -> Fitted:
    """Count k-mers for k = 3 to 6, and let dev choose k and the penalty. See `fit_baseline`."""
    features = {f"{k}-mers": functools.partial(count, k=k) for k in SIZES}
    return choose_and_fit(rows, features, PENALTIES, seed, progress)


def count(splits: Sequence[LabelledData], k: int) -> list[Any]:
    """Turn sequences into logarithms of k-mer counts, each row scaled to length 1.

    Of a pair each sequence has columns of its own.

    Returns
    -------
    list of float32 CSR matrix, shape (rows, k-mers that occur in the first split)
    """
    parts = []
    for side in ("sequences", "partners"):
        if getattr(splits[0], side) is None:
            continue
        vectorizer = CountVectorizer(analyzer="char", ngram_range=(k, k), lowercase=False, dtype=np.float32)
        vectorizer.fit(getattr(splits[0], side))
        parts.append([vectorizer.transform(getattr(split, side)) for split in splits])
    return [normalize(hstack(matrices, format="csr").log1p()) for matrices in zip(*parts, strict=True)]
