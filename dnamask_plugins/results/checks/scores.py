"""Predictions and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.results import predictions as prediction_files
from dnamask_plugins.results.checks.evidence import Evidence, NotPossible
from dnamask_plugins.results.measuring import measured
from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.records import ResultRecord, SeedOutcome

_EXACT: Final = 1e-9
_MOST: Final = 0.3
"""Share of an interval's width by which its ends may differ, however few its resamples."""
_DIGITS: Final = 2e-5
"""Scores are written with six digits: two that differ by less are a draw."""


def load(folder: Path, record: ResultRecord, into: dict[int, Predictions]) -> Iterator[str]:
    """Read the predictions of every seed; yield what is wrong with their files."""
    for entry in record.seeds:
        stored = entry["predictions"]
        if stored is None:
            continue
        path = folder / stored["file"]
        try:
            content = path.read_bytes()
            if prediction_files.sha256_of(content) != stored["sha256"]:
                yield f"seed {entry['seed']}: {stored['file']} is not the file whose sha256 was recorded"
                continue
            loaded = prediction_files.decode(content, path)
        except OSError as error:
            yield f"seed {entry['seed']}: {stored['file']} cannot be read ({error.strerror})"
            continue
        except DnamaskError as error:
            yield str(error)
            continue
        if len(loaded) != stored["rows"]:
            yield f"seed {entry['seed']}: {len(loaded)} predictions, {stored['rows']} recorded"
        into[entry["seed"]] = loaded


def predictions(evidence: Evidence) -> Iterator[str]:
    """Check that what is predicted is what scores highest."""
    unscored = [seed for seed, each in evidence.predictions.items() if each.scores is None]
    for seed, each in evidence.predictions.items():
        if each.scores is not None:
            yield from (f"seed {seed}: {wrong}" for wrong in _against_scores(each, evidence.record))
    if unscored:
        raise NotPossible(f"no scores were kept for seed {', '.join(map(str, unscored))}")


def _against_scores(item: Predictions, record: ResultRecord) -> Iterator[str]:
    assert item.scores is not None
    scores = item.scores.astype(np.float64)
    width = scores.shape[1]
    slack = _DIGITS * np.maximum(np.abs(scores).max(axis=1), 1e-6)
    if item.kind == "regression":
        wrong = np.abs(scores[:, 0] - item.predictions) > slack
    elif width != record.task.classes:
        yield f"scores of {width} classes, but the task has {record.task.classes}"
        return
    elif item.kind == "classification":
        chosen = scores[np.arange(len(item)), np.minimum(item.predictions, width - 1)]
        wrong = chosen < scores.max(axis=1) - slack
    else:
        highest_absent = np.where(item.predictions == 0, scores, -np.inf).max(axis=0)
        wrong = ((item.predictions == 1) & (scores < highest_absent - slack[:, None])).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        yield f"{int(wrong.sum())} predictions are not what scores highest (the first in row {row + 1})"


def computed_again(evidence: Evidence) -> Iterator[str]:
    """Check that every figure follows from the predictions."""
    record = evidence.record
    outcomes = [
        SeedOutcome(entry["seed"], evidence.predictions.get(entry["seed"]), entry["error"])
        for entry in record.seeds
    ]
    again = measured(
        record.model,
        record.task,
        evidence.run,
        outcomes,
        resamples=record.interval["resamples"] if record.interval else 1,
        schema_version=record.schema_version,
    )
    yield from _differences(record, again)


def _differences(record: ResultRecord, again: ResultRecord) -> Iterator[str]:
    def differ(what: str, recorded: Any, computed: Any) -> Iterator[str]:
        if not _same(recorded, computed):
            yield f"{what}: recorded {recorded}, computed from the predictions {computed}"

    for old, new in zip(record.seeds, again.seeds, strict=True):
        for key in ("status", "value", "value_without_leaks"):
            yield from differ(f"seed {old['seed']} {key}", old[key], new[key])
        for name, value in new["scores"].items() if "scores" in old else ():
            yield from differ(f"seed {old['seed']} {name}", old["scores"].get(name), value)
        if (old["error"] != "") != (old["status"] == "failed"):
            yield f"seed {old['seed']} is {old['status']} with the error {old['error']!r}"
    for key in ("mean", "std", "mean_without_leaks", "leaked_rows", "failed_seeds", "collapsed_seeds"):
        yield from differ(key, getattr(record, key), getattr(again, key))
    yield from differ("test rows", record.task.test_rows, again.task.test_rows)
    old_interval, new_interval = record.interval or {}, again.interval or {}
    for key in ("level", "method"):
        yield from differ(f"interval {key}", old_interval.get(key), new_interval.get(key))
    for key in ("low", "high"):
        if not _same_end(key, old_interval, new_interval):
            yield from differ(f"interval {key}", old_interval.get(key), new_interval.get(key))


def _same_end(key: str, recorded: Mapping[str, Any], computed: Mapping[str, Any]) -> bool:
    """Whether two ends of an interval agree up to the chance in its resamples.

    NumPy 2.5 draws other binomial numbers from a seed than NumPy 2.4, so that another version gives other
    resamples. The standard error of a 2.5% quantile of n normal draws is 0.68 / sqrt(n) of the interval's
    width, and of a difference of two 0.96 / sqrt(n); four of these are let pass: 9% for 2,000 resamples.
    """
    if not recorded or not computed:
        return recorded == computed
    share = min(4 * 0.96 / math.sqrt(computed["resamples"]), _MOST)
    slack = share * (computed["high"] - computed["low"])
    return bool(abs(recorded[key] - computed[key]) <= max(slack, _EXACT))


def _same(recorded: Any, computed: Any) -> bool:
    if isinstance(recorded, (int, float)) and isinstance(computed, (int, float)):
        return math.isclose(recorded, computed, rel_tol=0, abs_tol=_EXACT)
    return bool(recorded == computed)
