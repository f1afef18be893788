"""Logistic regression on sparse features; features and penalty are chosen on dev."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.harness.baselines.fit import Fitted, Progress, Rows
from dnamask_plugins.harness.data import LabelledData
from dnamask_plugins.results.metrics import compute_scores

FOLDS: Final = 5
MAX_ITERATIONS: Final = 300

Featurize = Callable[[Sequence[LabelledData]], list[Any]]
"""Learns what it needs (a vocabulary) from the first split, and turns every split into a sparse matrix."""


def choose_and_fit(
    rows: Rows,
    features: Mapping[str, Featurize],
    penalties: Sequence[float],
    seed: int,
    progress: Progress | None,
) -> Fitted:
    """Fit every pair of features and penalty, keep the one that dev likes best, and score test with it.

    Parameters
    ----------
    rows : Rows
        Where it holds no dev split, stratified cross-validation within train chooses.
    features : mapping of str to Featurize
        By name, the plainest first: of equals the first is kept.
    penalties : sequence of float
        scikit-learn's C, the strongest penalty first.
    seed : int
        Shuffles the folds of the cross-validation.
    progress : callable, optional
    """
    best: tuple[float, str, float, dict[str, float]] | None = None
    done, total = 0, len(features) * len(penalties) + 1
    for name, featurize in features.items():
        matrices = featurize([rows.train, *([rows.dev] if rows.dev is not None else [])])
        for penalty in penalties:
            if rows.dev is None:
                figures = _cross_validated(matrices[0], rows, penalty, seed)
            else:
                predicted = _fit(matrices[0], rows.train.labels, penalty).predict(matrices[1])
                figures = compute_scores(rows.dev.labels, predicted, rows.classes)
            if best is None or figures[rows.metric] > best[0]:
                best = (figures[rows.metric], name, penalty, figures)
            done += 1
            if progress is not None:
                progress(done, total)
    assert best is not None
    _, name, penalty, figures = best
    train, test = features[name]([rows.train, rows.test])
    classifier = _fit(train, rows.train.labels, penalty)
    return Fitted(
        scores=classifier.predict_proba(test).astype(np.float32),
        dev=figures,
        settings={"features": name, "C": penalty},
        parameters=int(classifier.coef_.size + classifier.intercept_.size),
        select_by=f"dev {rows.metric}"
        if rows.dev is not None
        else f"{FOLDS}-fold cross-validation {rows.metric}",
    )


def _fit(matrix: Any, labels: NDArray[np.int64], penalty: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=penalty, max_iter=MAX_ITERATIONS).fit(matrix, labels)


def _cross_validated(matrix: Any, rows: Rows, penalty: float, seed: int) -> dict[str, float]:
    from sklearn.model_selection import StratifiedKFold

    labels = rows.train.labels
    folds = min(FOLDS, int(np.bincount(labels).min()))
    if folds < 2:
        # One row of a class: nothing can be held out, so that the first settings stand.
        return dict.fromkeys(("mcc", "f1_macro", "accuracy"), 0.0)
    predicted = np.empty_like(labels)
    for fit, held in StratifiedKFold(folds, shuffle=True, random_state=seed).split(matrix, labels):
        predicted[held] = _fit(matrix[fit], labels[fit], penalty).predict(matrix[held])
    return compute_scores(labels, predicted, rows.classes)
