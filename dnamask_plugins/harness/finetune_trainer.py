"""The Trainer of a fine-tuning: rows by length, a loss that is watched, the best weights in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset
from transformers import Trainer, TrainerCallback

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.harness.encoding import EncodedData, LengthBuckets
from dnamask_plugins.harness.target import Target
from dnamask_plugins.tasks.metrics import METRICS

Progress = Callable[[int, int], None]
"""Called with the steps done and all steps."""


def as_tensors(batch: dict[str, NDArray[np.int64]]) -> dict[str, torch.Tensor]:
    """Return a batch as tensors: rows come put together already."""
    return {name: torch.from_numpy(values) for name, values in batch.items()}


class RowDataset(Dataset[Any]):
    """Rows that PyTorch's loader asks for a batch at a time, already put together."""

    def __init__(self, data: EncodedData, target: Target) -> None:
        self.data, self.target = data, target

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row: int) -> dict[str, NDArray[np.int64]]:
        return self.target.scaled(self.data.batch([row]))

    def __getitems__(self, rows: list[int]) -> dict[str, NDArray[np.int64]]:
        return self.target.scaled(self.data.batch(rows))


class WatchedTrainer(Trainer):
    """Stops where the loss is no number: what would be recorded as a model that learnt nothing has failed."""

    _CHECK_EVERY: Final = 50
    """Optimizer steps between looks at a GPU, which each wait for it; a CPU is looked at every time."""

    _first_bad: torch.Tensor | None = None

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        # Classifiers take any keyword, from which the Trainer concludes that they divide their loss by the
        # rows of a whole step. They do not: the parts of a batch would be added up and not averaged.
        self.model_accepts_loss_kwargs = False

    def training_step(self, *inputs: Any, **keywords: Any) -> torch.Tensor:
        """Take a step, and note on the device when the loss is not finite for the first time."""
        loss: torch.Tensor = super().training_step(*inputs, **keywords)
        step = torch.full_like(loss, float(self.state.global_step), dtype=torch.float64)
        bad = torch.where(torch.isfinite(loss.detach()), torch.inf, step)
        self._first_bad = bad if self._first_bad is None else torch.minimum(self._first_bad, bad)
        if loss.device.type == "cpu" or self.state.global_step % self._CHECK_EVERY == 0:
            self.check()
        return loss

    def evaluate(self, *arguments: Any, **keywords: Any) -> dict[str, float]:
        """Evaluate a model whose loss is still a number."""
        self.check()
        return dict(super().evaluate(*arguments, **keywords))

    def check(self) -> None:
        """Raise where a loss was not finite."""
        if self._first_bad is not None and torch.isfinite(self._first_bad):
            raise DnamaskError(
                f"the loss was not finite at step {int(self._first_bad) + 1} of {self.state.max_steps}; "
                "lower the learning rate (--set learning_rate=...) or raise the warm-up"
            )

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        return LengthBuckets(dataset.data.lengths, self.args.train_batch_size, self.args.data_seed)


class KeepBest(TrainerCallback):
    """Keeps the best weights in memory: nothing of a trial is worth writing to disk before it is done."""

    def __init__(self, select_by: str, metric: str) -> None:
        self.key = {"loss": "eval_loss", "metric": f"eval_{metric}"}.get(select_by)
        self.sign = -1.0 if select_by == "loss" else 1.0
        self.value = -np.inf
        self.step: int | None = None
        self.figures: dict[str, float] = {}
        self.weights: dict[str, torch.Tensor] = {}

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep the weights where dev liked them best so far."""
        metrics, model = kwargs.get("metrics") or {}, kwargs["model"]
        if self.key is None or self.key not in metrics:
            return
        value = self.sign * float(metrics[self.key])
        if not value > self.value:
            return
        self.value, self.step = value, int(state.global_step)
        self.figures = {
            name.removeprefix("eval_"): float(metrics[name])
            for name in ("eval_loss", *(f"eval_{metric}" for metric in METRICS))
            if name in metrics
        }
        if state.global_step < state.max_steps:
            with torch.no_grad():
                self.weights = {
                    name: item.detach().to("cpu", copy=True)
                    for name, item in model.named_parameters()
                    if item.requires_grad
                }
        else:
            self.weights = {}

    def restore(self, model: Any) -> None:
        """Put the best weights back; where the last were the best there is nothing to do."""
        with torch.no_grad():
            for name, item in model.named_parameters():
                if name in self.weights:
                    item.copy_(self.weights[name])


class ReportSteps(TrainerCallback):
    """Tells a progress bar about each step."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Tell how many steps are done, and of how many."""
        if self.progress is not None:
            self.progress(int(state.global_step), int(state.max_steps))
