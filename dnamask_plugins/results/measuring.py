"""From the predictions of some seeds to a record: metric, spread, interval, leaks.

record = measured(model, task, run, seeds)
path = record_files.write(record, seeds, "results")
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np

from dnamask_plugins.errors import ConfigError, InputError, suggest
from dnamask_plugins.files import safe_name
from dnamask_plugins.results import predictions as prediction_files
from dnamask_plugins.results.methods import METHODS, TRACKS
from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.records import ModelInfo, ResultRecord, RunInfo, SeedOutcome, TaskInfo
from dnamask_plugins.results.resampling import RESAMPLES
from dnamask_plugins.results.schema import FORMAT
from dnamask_plugins.results.scoring import bootstrap_interval, score_without_leaks, scores_of
from dnamask_plugins.tasks.metrics import metrics_of

_SLOW_RESAMPLES = 500
"""Of metrics that have to rank the rows anew in each resample."""


def measured(
    model: ModelInfo,
    task: TaskInfo,
    run: RunInfo,
    seeds: Sequence[SeedOutcome],
    *,
    created: str | None = None,
    resamples: int | None = None,
    schema_version: int = FORMAT,
) -> ResultRecord:
    """Compute metric, spread and interval from the predictions of the seeds.

    Parameters
    ----------
    model, task, run
        What was run.
    seeds : sequence of SeedOutcome
        All seeds, the failed ones too.
    created : str, optional
        Time in UTC, ISO 8601; now by default.
    resamples : int, optional
        Of the bootstrap: 2,000 for a classification, else 500.
    schema_version : int
        Format of the record; an old one only to check a record of that format.

    Returns
    -------
    ResultRecord

    Raises
    ------
    ConfigError
        No seeds, a seed twice, or a word that is none of the known ones.
    InputError
        A label or prediction outside the classes, or seeds that saw different test rows.

    Examples
    --------
    >>> labels = np.array([0, 0, 1, 1])
    >>> task = TaskInfo("toy/at_or_gc", "toy", "accuracy", 2)
    >>> seeds = [SeedOutcome(0, Predictions(labels, np.array([0, 0, 1, 0])))]
    >>> measured(ModelInfo("tiny"), task, RunInfo(), seeds).mean
    0.75
    """
    check_words(model, run)
    _check_seeds(task, seeds)
    done = [seed for seed in seeds if seed.predictions is not None]
    kept = [_checked(seed, task, done[0]) for seed in done]
    entries = [_seed_entry(seed, task) for seed in seeds]
    values = [entry["value"] for entry in entries if entry["value"] is not None]
    without = [entry["value_without_leaks"] for entry in entries if entry["value_without_leaks"] is not None]
    leaked = kept[0].leaked if kept else None
    resamples = resamples or (RESAMPLES if task.kind == "classification" else _SLOW_RESAMPLES)
    return ResultRecord(
        source="measured",
        model=model,
        task=dataclasses.replace(task, test_rows=len(kept[0])) if kept else task,
        created=created or datetime.now(timezone.utc).isoformat(timespec="seconds"),
        mean=float(np.mean(values)) if values else None,
        std=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        interval=bootstrap_interval(task.metric, kept, task.classes, resamples) if kept else None,
        mean_without_leaks=float(np.mean(without)) if without else None,
        leaked_rows=None if leaked is None else int(leaked.sum()),
        seeds=tuple(entries),
        failed_seeds=tuple(seed.seed for seed in seeds if seed.status == "failed"),
        collapsed_seeds=tuple(seed.seed for seed in seeds if seed.status == "collapsed"),
        run=run,
        schema_version=schema_version,
    )


def check_words(model: ModelInfo, run: RunInfo | None) -> None:
    """Refuse a track or a method that nobody knows.

    Raises
    ------
    ConfigError
        Names the nearest one.
    """
    if model.track not in TRACKS:
        raise ConfigError(f"track '{model.track}' of {model.name}; {suggest(model.track, TRACKS)}")
    if run is not None and run.method not in METHODS:
        raise ConfigError(f"method '{run.method}'; {suggest(run.method, METHODS)}")


def prediction_file(task: TaskInfo, seed: int, digest: str) -> str:
    """Return the name of the file of one seed's predictions."""
    return f"{safe_name(task.name)}.seed-{seed}.{digest[:16]}.csv.gz"


def _check_seeds(task: TaskInfo, seeds: Sequence[SeedOutcome]) -> None:
    numbers = [seed.seed for seed in seeds]
    if not seeds or len(set(numbers)) != len(numbers):
        raise ConfigError(
            f"{task.name}: seeds {numbers} must be at least one, each once; correct the list of seeds"
        )
    if task.metric not in metrics_of(task.kind):
        raise ConfigError(
            f"{task.name}: metric '{task.metric}' of a {task.kind} task; "
            f"{suggest(task.metric, metrics_of(task.kind))}"
        )


def _checked(seed: SeedOutcome, task: TaskInfo, first: SeedOutcome) -> Predictions:
    predictions, reference = seed.predictions, first.predictions
    assert predictions is not None
    assert reference is not None
    if predictions.kind != task.kind:
        raise InputError(
            f"{task.name}: seed {seed.seed} holds a {predictions.kind}, but the task is a {task.kind}; "
            "correct the predictions"
        )
    highest = {"classification": task.classes - 1, "multi_label": 1}.get(task.kind)
    for what, values in (("label", predictions.labels), ("prediction", predictions.predictions)):
        if highest is not None and (int(values.min()) < 0 or int(values.max()) > highest):
            raise InputError(f"{task.name}: seed {seed.seed} has a {what} outside 0..{highest}; correct them")
    known, flags = reference.leaked, predictions.leaked
    same_leaks = np.array_equal(known, flags) if known is not None and flags is not None else known is flags
    if not np.array_equal(predictions.labels, reference.labels) or not same_leaks:
        raise InputError(
            f"{task.name}: seeds {first.seed} and {seed.seed} saw different test rows; use one file"
        )
    return predictions


def _seed_entry(seed: SeedOutcome, task: TaskInfo) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "seed": seed.seed,
        "status": seed.status,
        "value": None,
        "value_without_leaks": None,
        "scores": {},
        "error": " ".join(seed.error.split())[:500],
        "best_step": seed.best_step,
        "steps": seed.steps,
        "dev": {key: float(number) for key, number in seed.dev.items()},
        "wall_time_s": seed.wall_time_s,
        "predictions": None,
    }
    found = seed.predictions
    if found is not None:
        digest = prediction_files.sha256_of(found.encoded)
        entry["scores"] = scores_of(found, task.classes)
        entry["value"] = entry["scores"][task.metric]
        if found.leaked is not None:
            entry["value_without_leaks"] = score_without_leaks(found, task.metric, task.classes)
        entry["predictions"] = {
            "file": prediction_file(task, seed.seed, digest),
            "sha256": digest,
            "rows": len(found),
        }
    return entry
