"""Frozen models, read by a linear classifier: no training of the model, and no second source of noise.

The classifier is a ridge classifier on standardised features; its penalty is chosen by leave-one-out within
the training rows. It is deterministic, so that a model has one figure on a task.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dnamask_plugins.harness.encoding import EncodedData, encode_data
from dnamask_plugins.harness.model_source import ModelSource
from dnamask_plugins.models.forward import best_device, tokens_at_once
from dnamask_plugins.models.loading import load_base
from dnamask_plugins.tasks.data import LabelledData

Features = NDArray[np.float32]
"""Mean states, shape (rows, layers + 1, parts + 1, hidden): part 0 is the first token, then the sequence."""

PARTS = 4
PENALTIES = tuple(10.0**power for power in range(-1, 6))
FEW_ROWS, FEW_DRAWS = 64, 10
"""Training rows of each class in a few-shot probe, and how often they are drawn."""

PROBES: Mapping[str, Callable[[Features], Features]] = {
    "probe-mean": lambda states: states[:, -1, 1:].mean(1),
    "probe-first": lambda states: np.concatenate([states[:, -1, 0], states[:, -1, 1:].mean(1)], 1),
    "probe-layers": lambda states: states[:, :, 1:].mean(2).reshape(len(states), -1),
    "probe-parts": lambda states: states[:, -1, 1:].reshape(len(states), -1),
    "probe-layers-parts": lambda states: states[:, :, 1:].reshape(len(states), -1),
}
"""What the classifier reads: the mean over the last layer's tokens; with the first token's state beside it;
the means of the embeddings and of every layer; the means of four equal parts of the sequence in the last
layer; and those in the embeddings and every layer."""


def embed(model: Any, data: EncodedData, special_ids: list[int]) -> Features:
    """Average the states of every layer over equal parts of each row's tokens that show nucleotides."""
    device = best_device()
    special, order, lengths = torch.tensor(special_ids, device=device), data.sorted_by_length(), data.lengths
    found: list[Features] = []
    model.to(device).eval()
    start = 0
    with torch.inference_mode():
        while start < len(order):
            rows = order[start : start + max(1, tokens_at_once(device) // int(lengths[order[start]]))]
            batch = {name: torch.from_numpy(each).to(device) for name, each in data.batch(rows).items()}
            del batch["labels"]
            shown = ~torch.isin(batch["input_ids"], special)
            if "attention_mask" in batch:
                shown &= batch["attention_mask"].bool()
            count = shown.sum(1, keepdim=True).clamp(min=1)
            part = (shown.cumsum(1) - 1).clamp(min=0) * PARTS // count
            weights = torch.nn.functional.one_hot(part, PARTS) * shown[..., None]
            weights = weights / weights.sum(1, keepdim=True).clamp(min=1)
            states = torch.stack(model(**batch, output_hidden_states=True).hidden_states, 1)
            means = torch.einsum("blp,bnlh->bnph", weights.to(states.dtype), states)
            found.append(torch.cat([states[:, :, :1], means], 2).cpu().numpy())
            start += len(rows)
    pooled = np.concatenate(found)
    back = np.empty_like(pooled)
    back[order] = pooled
    return back


@functools.lru_cache(maxsize=4)
def _features(folder: Path, train: LabelledData, scored: LabelledData) -> tuple[Features, Features]:
    source = ModelSource.find(str(folder))
    model, _ = load_base(source.source or source.folder, source.tokenizer, seed=0)
    specials = sorted(np.asarray(source.tokenizer.special_ids).tolist())
    first, second = (
        embed(model, encode_data(each, source.tokenizer, None), specials) for each in (train, scored)
    )
    return first, second


def fit(train: Features, labels: NDArray[np.int64], scored: Features) -> NDArray[np.int64]:
    """Return the answers of a ridge classifier for the scored rows."""
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=PENALTIES))
    return np.asarray(classifier.fit(train, labels).predict(scored))


def few_rows(labels: NDArray[np.int64], draw: int) -> NDArray[np.int64]:
    """Return `FEW_ROWS` rows of each class, the same for every model."""
    rng = np.random.default_rng([20_251_126, draw])
    chosen = [
        rng.permutation(np.flatnonzero(labels == label))[:FEW_ROWS] for label in range(labels.max() + 1)
    ]
    return np.concatenate(chosen)


def probe(folder: Path, head: str, train: LabelledData, scored: LabelledData) -> list[NDArray[np.int64]]:
    """Return the answers of a probe on all training rows, and of those on few, in this order."""
    choose = PROBES[head]
    seen, unseen = (choose(each) for each in _features(folder, train, scored))
    few = (few_rows(train.labels, draw) for draw in range(FEW_DRAWS))
    return [
        fit(seen, train.labels, unseen),
        *(fit(seen[rows], train.labels[rows], unseen) for rows in few),
    ]
