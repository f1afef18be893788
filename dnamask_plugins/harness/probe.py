"""Linear probe: how much of a task a frozen model already knows, in seconds instead of hours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dnamask_plugins.errors import InputError
from dnamask_plugins.harness.encoding import EncodedData
from dnamask_plugins.harness.model_source import ModelSource
from dnamask_plugins.harness.trial_rows import TrialRows
from dnamask_plugins.models.forward import best_device, mean_of_tokens, tokens_at_once
from dnamask_plugins.models.loading import load_base
from dnamask_plugins.quiet import without_convergence_warnings
from dnamask_plugins.results.metrics import compute_scores

PENALTIES: Final = (0.001, 0.01, 0.1, 1.0, 10.0)
"""Inverse strengths (scikit-learn's C) from which dev chooses."""

_MAX_ITERATIONS: Final = 300


@dataclass(frozen=True, eq=False)
class Probed:
    """What a probe gave: class scores on test (in the order of its rows), and what dev chose."""

    scores: NDArray[np.float32]
    dev: Mapping[str, float]
    penalty: float
    parameters: int
    padding: Mapping[str, float]


def embed(
    model: Any, data: EncodedData, special_ids: Sequence[int], progress: Callable[[int], Any] | None = None
) -> NDArray[np.float32]:
    """Average the last hidden state over the tokens of each row that show nucleotides.

    Rows are taken in the order of their length, in batches of about as many tokens, so that next to no
    padding is computed.

    Parameters
    ----------
    model : PreTrainedModel
        Encoder without a head.
    data : EncodedData
    special_ids : sequence of int
        Tokens that take no part in the average.
    progress : callable, optional
        Called with the number of rows just done.

    Returns
    -------
    float32 array, shape (n, hidden)
    """
    device = next(model.parameters()).device
    special = torch.tensor(sorted(special_ids), device=device)
    order, lengths = data.sorted_by_length(), data.lengths
    pooled: NDArray[np.float32] | None = None
    model.eval()
    start, at_once = 0, tokens_at_once(device)
    with torch.inference_mode():
        while start < len(order):
            count = max(1, at_once // int(lengths[order[start]]))
            rows = order[start : start + count]
            batch = {name: torch.from_numpy(values).to(device) for name, values in data.batch(rows).items()}
            del batch["labels"]
            hidden = model(**batch).last_hidden_state.float()
            weights = (~torch.isin(batch["input_ids"], special)).float()
            if "attention_mask" in batch:
                weights = weights * batch["attention_mask"]
            means = mean_of_tokens(hidden, weights)
            if pooled is None:
                pooled = np.empty((len(order), means.shape[1]), dtype=np.float32)
            pooled[rows] = means.cpu().numpy()
            start += len(rows)
            if progress is not None:
                progress(len(rows))
    assert pooled is not None
    wrong = np.flatnonzero(~np.isfinite(pooled).all(axis=1))
    if wrong.size:
        raise InputError(
            f"the embeddings of {wrong.size} of {len(pooled)} rows are not finite (the first is row "
            f"{wrong[0] + 1}); the model's weights are damaged or it diverged: pretrain it again"
        )
    return pooled


def probe(
    source: ModelSource,
    rows: TrialRows[EncodedData],
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Probed:
    """Fit a logistic regression on frozen, standardised embeddings.

    The seed enters nowhere but where the classifier's solver would use it: a probe of the same model on the
    same rows gives the same figures for every seed.

    Parameters
    ----------
    source : ModelSource
    rows : TrialRows of EncodedData
        Dev chooses the penalty by the metric; without it the penalty is 1.
    seed : int
    progress : callable, optional
        Called with rows done and all rows.

    Returns
    -------
    Probed
    """
    train, dev, test = rows.train, rows.dev, rows.test
    model, description = load_base(source.source or source.folder, source.tokenizer, seed=seed)
    model = model.to(best_device())
    specials = np.asarray(source.tokenizer.special_ids).tolist()
    total = sum(len(split) for split in (train, dev, test) if split is not None)
    done = 0

    def report(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    features = embed(model, train, specials, report)
    # Dev may stand in for train; then its embeddings are at hand.
    dev_features = features if dev is train else None if dev is None else embed(model, dev, specials, report)
    test_features = embed(model, test, specials, report)
    candidates: list[tuple[Any, float, dict[str, float]]] = []
    for penalty in PENALTIES if dev is not None else (1.0,):
        classifier = _fitted(features, train.labels, penalty, seed)
        figures: dict[str, float] = {}
        if dev is not None:
            figures = compute_scores(dev.labels, classifier.predict(dev_features), rows.classes)
        candidates.append((classifier, penalty, figures))
    classifier, penalty, figures = max(candidates, key=lambda candidate: candidate[2].get(rows.metric, 0.0))
    return Probed(
        scores=classifier.predict_proba(test_features).astype(np.float32),
        dev=figures,
        penalty=penalty,
        parameters=description.parameters,
        padding={"test": _padding(test, tokens_at_once(next(model.parameters()).device))},
    )


def _fitted(features: NDArray[np.float32], labels: NDArray[Any], penalty: float, seed: int) -> Any:
    """Return a logistic regression on standardised features."""
    classifier = make_pipeline(
        StandardScaler(), LogisticRegression(C=penalty, max_iter=_MAX_ITERATIONS, random_state=seed)
    )
    with without_convergence_warnings():
        classifier.fit(features, labels)
    return classifier


def _padding(data: EncodedData, at_once: int) -> float:
    lengths = data.lengths[data.sorted_by_length()]
    computed, start = 0, 0
    while start < lengths.size:
        rows = lengths[start : start + max(1, at_once // int(lengths[start]))]
        computed += int(rows[0]) * rows.size
        start += rows.size
    return 1 - float(lengths.sum()) / computed
