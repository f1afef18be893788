"""What a model learns from labels: which loss, in which units, with which weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dnamask_plugins.tasks.recipes import ClassWeights

Loss = Callable[..., torch.Tensor]


@dataclass(frozen=True, eq=False)
class Target:
    """How the labels of a task are learnt.

    Attributes
    ----------
    problem_type : str
        What `transformers` calls the kind of task; it chooses the loss.
    mean, spread : float
        Numbers are learnt with mean 0 and spread 1: heads start there.
    weighted_loss : callable or None
        Takes the place of the model's own loss where classes are weighted.
    """

    problem_type: str
    mean: float = 0.0
    spread: float = 1.0
    weighted_loss: Loss | None = None

    def scaled(self, batch: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return a batch with labels as they are learnt."""
        if self.problem_type == "single_label_classification":
            return batch
        return batch | {"labels": ((batch["labels"] - self.mean) / self.spread).astype(np.float32)}

    def restore(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return outputs in the units of the labels."""
        if self.problem_type != "regression":
            return outputs
        return (outputs * self.spread + self.mean).astype(np.float32)

    def restore_head(self, model: Any) -> Any:
        """Put the units of the labels into the last layer, so that a saved model answers in them."""
        if self.problem_type == "regression":
            linear = [
                each for each in model.modules() if isinstance(each, nn.Linear) and each.out_features == 1
            ]
            with torch.no_grad():
                linear[-1].weight.mul_(self.spread)
                linear[-1].bias.mul_(self.spread).add_(self.mean)
        return model


def learnt_from(labels: NDArray[Any], weights: ClassWeights = "none") -> Target:
    """Say how some training labels are learnt.

    Examples
    --------
    >>> learnt_from(np.array([1.0, 3.0])).spread
    1.0
    >>> learnt_from(np.array([0, 1, 1])).problem_type
    'single_label_classification'
    """
    if labels.ndim == 2:
        loss = _weighted_labels(labels) if weights == "balanced" else None
        return Target("multi_label_classification", weighted_loss=loss)
    if np.issubdtype(labels.dtype, np.floating):
        return Target("regression", float(labels.mean()), float(labels.std()) or 1.0)
    loss = _weighted_classes(labels) if weights == "balanced" else None
    return Target("single_label_classification", weighted_loss=loss)


def _weighted_classes(labels: NDArray[np.int64]) -> Loss:
    from sklearn.utils.class_weight import compute_class_weight

    shares = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    weights = torch.tensor(shares, dtype=torch.float32)

    def loss(outputs: Any, targets: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        logits = _logits(outputs).float()
        total = nn.functional.cross_entropy(logits, targets, weights.to(logits.device), reduction="sum")
        # Of an accumulated batch every part is divided by the rows of the whole.
        return total / (targets.numel() if num_items_in_batch is None else num_items_in_batch)

    return loss


def _weighted_labels(labels: NDArray[np.int64]) -> Loss:
    present = labels.sum(axis=0)
    weights = torch.tensor((len(labels) - present) / np.maximum(present, 1), dtype=torch.float32)

    def loss(outputs: Any, targets: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        logits = _logits(outputs).float()
        total = nn.functional.binary_cross_entropy_with_logits(
            logits, targets.float(), pos_weight=weights.to(logits.device), reduction="sum"
        )
        return total / (targets.numel() if num_items_in_batch is None else num_items_in_batch)

    return loss


def _logits(outputs: Any) -> torch.Tensor:
    logits: torch.Tensor = outputs["logits"] if isinstance(outputs, dict) else outputs[0]
    return logits
