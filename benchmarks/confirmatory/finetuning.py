"""Fine-tuning for the study: on dev while recipes are chosen, on test once they are registered."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.confirmatory.probing import FEW_DRAWS, PROBES, few_rows, probe
from dnamask_plugins.config import fingerprint
from dnamask_plugins.results.metrics import compute_scores
from dnamask_plugins.tasks import Task, gue
from dnamask_plugins.tasks.data import LabelledData, find_file, read_labelled, suite_root

PROBE = "probe"


@dataclass(frozen=True)
class Attempt:
    """One fine-tuning of one model.

    Attributes
    ----------
    task : str
    learning_rate, epochs : float
    head : {"first", "mean", "sum", "probe"} or one of `probing.PROBES`
        What the classifier reads: the first token's state, the mean over all tokens, or the sum of the two.
        ``probe``: the model is frozen and the package's logistic regression is fitted to the mean; those of
        `PROBES`: frozen, ridge. Learning rate and epochs mean nothing there.
    seed : int
        Of the head, the order and the choice of rows.
    train_rows : int
        At most so many, the same for every model.
    on : {"dev", "test"}
    """

    task: str
    learning_rate: float
    epochs: float
    head: str
    seed: int
    train_rows: int
    on: str = "dev"

    @property
    def key(self) -> str:
        """Identifies the attempt in a record."""
        text = f"{self.task} lr={self.learning_rate:g} epochs={self.epochs:g} head={self.head}"
        return f"{text} rows={self.train_rows} seed={self.seed} on={self.on}"


def gue_task(name: str) -> Task:
    """Return a task of GUE by its name."""
    return next(task for task in gue() if task.name == name)


@functools.lru_cache(maxsize=2)
def rows_of(data: Path, name: str, train_rows: int, on: str) -> tuple[LabelledData, LabelledData, int]:
    """Return train (balanced by chance, cut to a number of rows), what is scored, and the number of classes.

    Rows that are scored and occur in the whole train file are left out.
    """
    task, folder = gue_task(name), suite_root(data / "gue")
    paths = [find_file(folder, task, split) for split in ("train", on)]  # type: ignore[arg-type]
    train, scored = (read_labelled(path, task) for path in paths if path is not None)
    known = set(train.sequences)
    scored = scored.take(np.flatnonzero([text not in known for text in scored.sequences]))
    order = np.random.default_rng(20_251_125).permutation(len(train))[:train_rows]
    return train.take(np.sort(order)), scored, int(train.labels.max()) + 1


def fine_tune(folder: Path, attempt: Attempt, data: Path, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Fine-tune a model folder; returns figures, CPU seconds and what they were measured on."""
    from dnamask_plugins.harness.encoding import encode_data
    from dnamask_plugins.harness.finetune import FineTuneSettings
    from dnamask_plugins.harness.finetune import fine_tune as run
    from dnamask_plugins.harness.model_source import ModelSource
    from dnamask_plugins.harness.probe import probe as logistic
    from dnamask_plugins.tasks.recipes import Recipe

    train, scored, classes = rows_of(data, attempt.task, attempt.train_rows, attempt.on)
    started = time.process_time()
    if attempt.head in PROBES:
        answers = probe(folder, attempt.head, train, scored)
        few = [_mcc(scored, each, classes) for each in answers[1:]]
        figures = _figures(answers[0], scored, classes, started)
        figures |= {"few_mcc": round(sum(few) / len(few), 5), "train_rows": len(train)}
        return figures | ({"answers": "".join(map(str, answers[0]))} if attempt.on == "test" else {})
    source = ModelSource.find(str(folder))
    encoded = [encode_data(each, source.tokenizer, None) for each in (train, scored)]
    if attempt.head == PROBE:
        probed = logistic(source, encoded[0], None, encoded[1], classes, "mcc", attempt.seed)
        return _figures(probed.scores.argmax(axis=1), scored, classes, started) | {"train_rows": len(train)}
    settings = FineTuneSettings(
        Recipe(learning_rate=attempt.learning_rate, num_train_epochs=attempt.epochs, **recipe)
    )
    tuned = run(
        source,
        encoded[0],
        None,
        encoded[1],
        classes,
        "mcc",
        settings,
        attempt.seed,
        prepare=HEADS[attempt.head],
    )
    return _figures(tuned.logits.argmax(axis=1), scored, classes, started) | {"train_rows": len(train)}


def floor(name: str, task: str, data: Path, train_rows: int, on: str = "dev") -> dict[str, Any]:
    """Fit a floor of the harness; its settings are chosen by cross-validation within train.

    On test, floors that take a second are fitted to few rows as well, the same as those of a probe.
    """
    from dnamask_plugins.harness.baselines.fit import fit_baseline
    from dnamask_plugins.harness.trial_rows import TrialRows

    train, scored, classes = rows_of(data, task, train_rows, on)
    started = time.process_time()

    def answers(rows: LabelledData) -> Any:
        return fit_baseline(name, TrialRows(rows, None, scored, classes, "mcc"), 0).scores.argmax(axis=1)

    figures = _figures(answers(train), scored, classes, started) | {"train_rows": len(train)}
    if on == "dev" or name == "cnn":
        return figures
    draws = (train.take(few_rows(train.labels, draw)) for draw in range(FEW_DRAWS))
    few = [_mcc(scored, answers(rows), classes) for rows in draws]
    return figures | {"few_mcc": round(sum(few) / len(few), 5)}


def _mcc(scored: LabelledData, answers: Any, classes: int) -> float:
    return float(compute_scores(scored.labels, answers, classes)["mcc"])


def _figures(answers: Any, scored: LabelledData, classes: int, started: float) -> dict[str, Any]:
    return {
        "mcc": round(_mcc(scored, answers, classes), 5),
        "rows": len(scored),
        "data": fingerprint([scored.sha256, len(scored)]),
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def read_the_mean(model: Any, and_the_first: bool = False) -> None:
    """Let the classifier of an ESM read the mean of the token states for the first one, or their sum."""
    seen: dict[str, Any] = {}

    def remember(module: Any, args: Any, given: dict[str, Any]) -> None:
        seen["mask"] = given.get("attention_mask")

    def average(module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        states, mask = args[0], seen["mask"]
        weights = torch.ones_like(states[..., :1]) if mask is None else mask[..., None].to(states.dtype)
        read = (states * weights).sum(1, keepdim=True) / weights.sum(1, keepdim=True)
        return (read + states[:, :1] if and_the_first else read, *args[1:])

    model.register_forward_pre_hook(remember, with_kwargs=True)
    model.classifier.register_forward_pre_hook(average)


HEADS: Mapping[str, Callable[[Any], None] | None] = {
    "first": None,
    "mean": read_the_mean,
    "sum": functools.partial(read_the_mean, and_the_first=True),
}


def read_results(path: Path) -> dict[str, Any]:
    """Return what a file of results holds: attempt (its key) to figures."""
    return json.loads(path.read_text()) if path.is_file() else {}
