"""What a model, a probe or a floor makes of a task: its answers to the test rows, and how they came about."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.harness.baselines import PREFIX, fit_baseline
from dnamask_plugins.harness.kept_models import save_classifier, write_history
from dnamask_plugins.harness.outcome import FitFacts
from dnamask_plugins.harness.prepared import (
    chosen_rows,
    encode_trial,
    prepare,
    source_of,
    training_rows,
)
from dnamask_plugins.harness.trial import Trial
from dnamask_plugins.harness.trial_rows import TrialRows

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Solution(FitFacts):
    """The outputs on the test rows, in the order of the file, and how they came about.

    Attributes
    ----------
    outputs : float32 array
        Logits, probabilities or values.
    recipe : mapping
        Settings as they were used.
    """

    outputs: NDArray[np.float32]
    recipe: Mapping[str, Any]


def solve(trial: Trial, progress: Progress | None) -> Solution:
    """Fit what a trial asks for, and let it answer the test rows."""
    ways = {"probe": _probe, "baseline": _baseline}
    return ways.get(trial.method, _fine_tune)(trial, progress)


def _probe(trial: Trial, progress: Progress | None) -> Solution:
    from dnamask_plugins.harness.probe import probe

    data, encoded = encode_trial(trial)
    rows = chosen_rows(trial, data, encoded)
    found = probe(source_of(trial), rows, trial.seed, progress)
    return Solution(
        found.scores,
        recipe={"name": "probe", "C": found.penalty, "pooling": "mean over nucleotide tokens"},
        dev=found.dev,
        train_rows=len(rows.train),
        parameters=found.parameters,
        padding=found.padding,
        truncated={name: split.truncated for name, split in encoded.items()},
    )


def _fine_tune(trial: Trial, progress: Progress | None) -> Solution:
    from dnamask_plugins.harness.finetune import FineTuneSettings, fine_tune

    source = source_of(trial)
    data, encoded = encode_trial(trial)
    rows = chosen_rows(trial, data, encoded)
    settings = FineTuneSettings(trial.recipe, trial.overrides)
    keep = functools.partial(save_classifier, trial=trial, source=source) if trial.keep_model else None
    tuned = fine_tune(source, rows, settings, trial.seed, progress, save=keep)
    if trial.keep_model:
        write_history(trial, tuned.history)
    return Solution(
        tuned.logits,
        recipe={"name": trial.recipe_name, **trial.recipe.to_dict(), **tuned.used},
        dev=tuned.dev,
        train_rows=len(rows.train),
        parameters=tuned.parameters,
        trainable=tuned.trainable,
        best_step=tuned.best_step,
        steps=tuned.steps,
        padding=tuned.padding,
        truncated={name: split.truncated for name, split in encoded.items()},
        effective_batch=tuned.effective_batch,
        processes=tuned.processes,
    )


def _baseline(trial: Trial, progress: Progress | None) -> Solution:
    data = prepare(trial).data
    train = training_rows(trial, data)
    # What a floor was fitted on cannot choose its settings.
    dev = None if data.dev_as_train else data.dev
    rows = TrialRows(train, dev, data.test, data.classes, trial.task.metric)
    fitted = fit_baseline(trial.model.removeprefix(PREFIX), rows, trial.seed, progress)
    return Solution(
        fitted.scores,
        recipe={"name": trial.model, **fitted.settings, "select_by": fitted.select_by},
        dev=fitted.dev,
        train_rows=len(train),
        parameters=fitted.parameters,
        trainable=fitted.parameters,
    )
