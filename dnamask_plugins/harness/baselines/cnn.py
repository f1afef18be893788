"""Floor: a small convolutional network trained from nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import nn

from dnamask_plugins.harness.baselines.fit import Fitted, Progress
from dnamask_plugins.harness.baselines.onehot import letters
from dnamask_plugins.harness.outputs import scores_from
from dnamask_plugins.harness.trial_rows import TrialRows
from dnamask_plugins.tasks.data import LabelledData

TITLE: Final = "small CNN"
VARIES: Final = True
SETTINGS: Final[Mapping[str, Any]] = {
    "version": 1,
    "channels": 64,
    "widths": [11, 7],
    "pool": 4,
    "dropout": 0.2,
    "batch": 64,
    "learning_rate": 2e-3,
    "epochs": 12,
    "least_steps": 600,
}
_AT_ONCE: Final = 256


class Network(nn.Module):
    """Two convolutions over one-hot letters, a maximum over places, one linear layer.

    Letters come as codes of shape (rows, sequences of a row, places); both of a pair go through the same
    convolutions.
    """

    def __init__(self, sequences: int, outputs: int) -> None:
        super().__init__()
        channels, (first, second) = SETTINGS["channels"], SETTINGS["widths"]
        self.layers = nn.Sequential(
            nn.Conv1d(4, channels, first, padding="same"),
            nn.ReLU(),
            nn.MaxPool1d(SETTINGS["pool"], ceil_mode=True),
            nn.Conv1d(channels, channels, second, padding="same"),
            nn.ReLU(),
            nn.AdaptiveMaxPool1d(1),
            nn.Flatten(),
            nn.Dropout(SETTINGS["dropout"]),
        )
        self.head = nn.Linear(sequences * channels, outputs)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (rows, outputs)."""
        onehot = nn.functional.one_hot(codes, 5)[..., :4].transpose(-1, -2).float()
        pooled = [self.layers(onehot[:, number]) for number in range(codes.shape[1])]
        return self.head(torch.cat(pooled, dim=1))  # type: ignore[no-any-return]


def fit(rows: TrialRows[LabelledData], seed: int, progress: Progress | None = None) -> Fitted:
    """Train for some epochs and keep the epoch that dev likes best, else the last. See `fit_baseline`."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train = _codes(rows.train, rows)
    labels, loss_of, outputs_of = _learning(rows.train.labels)
    batch = min(SETTINGS["batch"], max(8, len(rows.train) // 8))
    per_epoch = -(-len(rows.train) // batch)
    epochs = max(SETTINGS["epochs"], -(-SETTINGS["least_steps"] // per_epoch))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Network(train.shape[1], rows.classes).to(device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=SETTINGS["learning_rate"])
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, SETTINGS["learning_rate"], total_steps=epochs * per_epoch
        )
        best: tuple[float, int, dict[str, float], dict[str, Any]] | None = None
        for epoch in range(1, epochs + 1):
            model.train()
            for chosen in torch.randperm(len(labels)).split(batch):
                loss = loss_of(model(train[chosen].to(device)), labels[chosen].to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            if rows.dev is not None:
                figures = scores_from(rows.dev.labels, _predict(model, rows.dev, rows), rows.classes)
                if best is None or figures[rows.metric] > best[0]:
                    weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
                    best = (figures[rows.metric], epoch, figures, weights)
            if progress is not None:
                progress(epoch, epochs)
    if best is not None:
        model.load_state_dict(best[3])
    return Fitted(
        scores=outputs_of(_predict(model, rows.test, rows)),
        dev=best[2] if best else {},
        settings={**SETTINGS, "batch": batch, "epochs": epochs, "best_epoch": best[1] if best else None},
        parameters=sum(item.numel() for item in model.parameters()),
        select_by=f"dev {rows.metric}" if best else "last epoch",
    )


def _learning(labels: NDArray[Any]) -> tuple[torch.Tensor, Any, Any]:
    """Return what is learnt, its loss, and how an output becomes an answer: numbers are learnt scaled."""
    if labels.ndim == 2:
        return torch.from_numpy(labels).float(), nn.functional.binary_cross_entropy_with_logits, _same
    if not np.issubdtype(labels.dtype, np.floating):
        return torch.from_numpy(labels), nn.functional.cross_entropy, _probabilities
    mean, spread = float(labels.mean()), float(labels.std()) or 1.0
    scaled = torch.from_numpy((labels - mean) / spread).float()[:, None]
    return scaled, nn.functional.mse_loss, lambda outputs: outputs * np.float32(spread) + np.float32(mean)


def _probabilities(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(softmax(outputs, axis=1), dtype=np.float32)


def _same(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    return outputs


def _codes(data: LabelledData, rows: TrialRows[LabelledData]) -> torch.Tensor:
    sides = [data.sequences] if data.partners is None else [data.sequences, data.partners]
    width = max(map(len, (*rows.train.sequences, *(rows.train.partners or ()))))
    return torch.from_numpy(np.stack([letters(side, width) for side in sides], axis=1))


def _predict(model: Network, data: LabelledData, rows: TrialRows[LabelledData]) -> NDArray[np.float32]:
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        parts = [model(part.to(device)).cpu() for part in _codes(data, rows).split(_AT_ONCE)]
    return np.asarray(torch.cat(parts).numpy(), dtype=np.float32)
