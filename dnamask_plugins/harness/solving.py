"""What a model, a probe or a floor makes of a task: its answers to the test rows, and how they came about."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.harness.prepared import (
    chosen_rows,
    encode_unit,
    prepare,
    source_of,
    training_rows,
)
from dnamask_plugins.harness.unit import Unit

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Solution:
    """The outputs on the test rows, in the order of the file, with the facts that a record needs.

    Attributes are those of `UnitOutcome`; ``outputs`` are logits, probabilities or values.
    """

    outputs: NDArray[np.float32]
    recipe: Mapping[str, Any]
    dev: Mapping[str, float]
    train_rows: int
    parameters: int | None = None
    trainable: int | None = None
    best_step: int | None = None
    steps: int | None = None
    padding: Mapping[str, float] = field(default_factory=dict)
    truncated: Mapping[str, int] = field(default_factory=dict)
    effective_batch: int | None = None
    processes: int = 1


def solve(unit: Unit, progress: Progress | None) -> Solution:
    """Fit what a unit asks for, and let it answer the test rows."""
    ways = {"probe": _probe, "baseline": _baseline}
    return ways.get(unit.method, _fine_tune)(unit, progress)


def _probe(unit: Unit, progress: Progress | None) -> Solution:
    from dnamask_plugins.harness.probe import probe

    data, encoded = encode_unit(unit)
    train, dev, test = chosen_rows(unit, data, encoded)
    found = probe(source_of(unit), train, dev, test, data.classes, unit.task.metric, unit.seed, progress)
    return Solution(
        found.scores,
        recipe={"name": "probe", "C": found.penalty, "pooling": "mean over nucleotide tokens"},
        dev=found.dev,
        train_rows=len(train),
        parameters=found.parameters,
        padding=found.padding,
        truncated={name: split.truncated for name, split in encoded.items()},
    )


def _fine_tune(unit: Unit, progress: Progress | None) -> Solution:
    from dnamask_plugins.harness.finetune import FineTuneSettings, fine_tune
    from dnamask_plugins.harness.kept_models import save_classifier, write_history

    source = source_of(unit)
    data, encoded = encode_unit(unit)
    train, dev, test = chosen_rows(unit, data, encoded)
    settings = FineTuneSettings(unit.recipe, unit.overrides)
    keep = functools.partial(save_classifier, unit=unit, source=source) if unit.keep_model else None
    tuned = fine_tune(
        source, train, dev, test, data.classes, unit.task.metric, settings, unit.seed, progress, save=keep
    )
    if unit.keep_model:
        write_history(unit, tuned.history)
    return Solution(
        tuned.logits,
        recipe={"name": unit.recipe_name, **unit.recipe.to_dict(), **tuned.used},
        dev=tuned.dev,
        train_rows=len(train),
        parameters=tuned.parameters,
        trainable=tuned.trainable,
        best_step=tuned.best_step,
        steps=tuned.steps,
        padding=tuned.padding,
        truncated={name: split.truncated for name, split in encoded.items()},
        effective_batch=tuned.effective_batch,
        processes=tuned.processes,
    )


def _baseline(unit: Unit, progress: Progress | None) -> Solution:
    from dnamask_plugins.harness.baselines import PREFIX, Rows, fit_baseline

    data = prepare(unit).data
    train = training_rows(unit, data)
    # What a floor was fitted on cannot choose its settings.
    dev = None if data.dev_as_train else data.dev
    rows = Rows(train, dev, data.test, data.classes, unit.task.metric)
    fitted = fit_baseline(unit.model.removeprefix(PREFIX), rows, unit.seed, progress)
    return Solution(
        fitted.scores,
        recipe={"name": unit.model, **fitted.settings, "select_by": fitted.select_by},
        dev=fitted.dev,
        train_rows=len(train),
        parameters=fitted.parameters,
        trainable=fitted.parameters,
    )
