"""Logistic (of numbers: ridge) regression on sparse features; features and penalty are chosen on dev."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold

from dnamask_plugins.harness.baselines.fit import Fitted, Progress
from dnamask_plugins.harness.outputs import scores_from
from dnamask_plugins.harness.trial_rows import TrialRows
from dnamask_plugins.quiet import without_convergence_warnings
from dnamask_plugins.tasks.data import LabelledData

FOLDS: Final = 5
MAX_ITERATIONS: Final = 300

Featurize = Callable[[Sequence[LabelledData]], list[Any]]
"""Learns what it needs (a vocabulary) from the first split, and turns every split into a sparse matrix."""


def choose_and_fit(
    rows: TrialRows[LabelledData],
    features: Mapping[str, Featurize],
    penalties: Sequence[float],
    seed: int,
    progress: Progress | None,
) -> Fitted:
    """Fit every pair of features and penalty, keep the one that dev likes best, and score test with it.

    Parameters
    ----------
    rows : TrialRows of LabelledData
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
                outputs = _fit(matrices[0], rows.train.labels, penalty).outputs(matrices[1])
                figures = scores_from(rows.dev.labels, outputs, rows.classes)
            if best is None or figures[rows.metric] > best[0]:
                best = (figures[rows.metric], name, penalty, figures)
            done += 1
            if progress is not None:
                progress(done, total)
    assert best is not None
    _, name, penalty, figures = best
    train, test = features[name]([rows.train, rows.test])
    fitted = _fit(train, rows.train.labels, penalty)
    return Fitted(
        scores=fitted.outputs(test),
        dev=figures,
        settings={"features": name, "C": penalty},
        parameters=fitted.parameters,
        select_by=f"dev {rows.metric}"
        if rows.dev is not None
        else f"{FOLDS}-fold cross-validation {rows.metric}",
    )


class _Linear:
    """Linear models of one matrix, one for each label of a multi-label task."""

    def __init__(self, models: list[Any], several: bool) -> None:
        self.models, self.several = models, several

    @property
    def parameters(self) -> int:
        """Numbers that were fitted."""
        return sum(int(np.size(model.coef_) + np.size(model.intercept_)) for model in self.models)

    def outputs(self, matrix: Any) -> NDArray[np.float32]:
        """Return class probabilities, numbers, or log-odds of each label, shape (rows, outputs)."""
        if self.several:
            columns = [model.decision_function(matrix) for model in self.models]
            return np.stack(columns, axis=1).astype(np.float32)
        model = self.models[0]
        if hasattr(model, "predict_proba"):
            return np.asarray(model.predict_proba(matrix), dtype=np.float32)
        return np.asarray(model.predict(matrix), dtype=np.float32)[:, None]


def _fit(matrix: Any, labels: NDArray[Any], penalty: float) -> _Linear:
    with without_convergence_warnings():
        if np.issubdtype(labels.dtype, np.floating):
            return _Linear([Ridge(alpha=1 / penalty, solver="lsqr").fit(matrix, labels)], False)
        columns = labels.T if labels.ndim == 2 else labels[None]
        models = [LogisticRegression(C=penalty, max_iter=MAX_ITERATIONS) for _ in columns]
        fitted = [model.fit(matrix, column) for model, column in zip(models, columns, strict=True)]
    return _Linear(fitted, labels.ndim == 2)


def _cross_validated(
    matrix: Any, rows: TrialRows[LabelledData], penalty: float, seed: int
) -> dict[str, float]:
    labels = rows.train.labels
    stratified = labels.ndim == 1 and not np.issubdtype(labels.dtype, np.floating)
    folds = min(FOLDS, int(np.bincount(labels).min()) if stratified else len(labels))
    if folds < 2:
        # One row of a class: nothing can be held out, so the first settings are used.
        return {rows.metric: 0.0}
    maker = StratifiedKFold if stratified else KFold
    parts = maker(folds, shuffle=True, random_state=seed).split(matrix, labels if stratified else None)
    outputs: NDArray[np.float32] | None = None
    for fit, held in parts:
        if labels.ndim == 2 and (np.ptp(labels[fit], axis=0) == 0).any():
            return {rows.metric: 0.0}
        part = _fit(matrix[fit], labels[fit], penalty).outputs(matrix[held])
        if outputs is None:
            outputs = np.zeros((len(labels), part.shape[1]), dtype=np.float32)
        outputs[held] = part
    assert outputs is not None
    return scores_from(labels, outputs, rows.classes)
