"""The outcome of one trial, in memory and as a file that is either whole or not there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dnamask_plugins.files import parse_json, write_atomically, write_json
from dnamask_plugins.results import predictions as prediction_files
from dnamask_plugins.results.predictions import Predictions

_PREDICTIONS: Final = "predictions"


@dataclass(frozen=True, eq=False, kw_only=True)
class FitFacts:
    """How a fit came about, whichever way a trial is solved.

    Attributes
    ----------
    dev : mapping of str to float
        Figures of the chosen checkpoint on dev.
    train_rows : int
    parameters, trainable : int or None
        Of the model.
    best_step, steps : int or None
    padding : mapping of str to float
        Share of computed tokens that were padding, in training and test.
    truncated : mapping of str to int
        Sequences of each split that were longer than the model takes.
    effective_batch, processes : int
    """

    dev: Mapping[str, float] = field(default_factory=dict)
    train_rows: int = 0
    parameters: int | None = None
    trainable: int | None = None
    best_step: int | None = None
    steps: int | None = None
    padding: Mapping[str, float] = field(default_factory=dict)
    truncated: Mapping[str, int] = field(default_factory=dict)
    effective_batch: int | None = None
    processes: int = 1

    def facts(self) -> dict[str, Any]:
        """Return these fields, without those of a subclass."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(FitFacts)}


@dataclass(frozen=True, eq=False)
class TrialOutcome(FitFacts):
    """One (task, seed): its predictions and how they came about, or the error that ended it.

    Attributes
    ----------
    task, method, seed
        ``method``: finetune, lora, probe or baseline.
    predictions : Predictions or None
        On the test rows, in the order of the file; None where the trial failed.
    classes : int
    scores : mapping of str to float
        ``mcc``, ``f1_macro``, ``accuracy`` on test; ``*_without_leaks`` where leaking rows were marked.
    recipe : mapping
        Settings as they were used.
    dev_as_train : bool
    data_sha256 : mapping of str to str
    audit : mapping or None
        What the audit of the data set found (plain JSON).
    wall_time_s : float
    peak_memory_bytes : int or None
    error : str
        One line; empty where all went well.
    """

    task: str
    method: str
    seed: int
    predictions: Predictions | None = None
    classes: int = 0
    scores: Mapping[str, float] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    dev_as_train: bool = False
    data_sha256: Mapping[str, str] = field(default_factory=dict)
    audit: Mapping[str, Any] | None = None
    wall_time_s: float = 0.0
    peak_memory_bytes: int | None = None
    error: str = ""

    @property
    def status(self) -> str:
        """``ok``, ``failed``, or ``collapsed``: every test row in one class, so that MCC is 0."""
        if self.predictions is None:
            return "failed"
        return "collapsed" if self.predictions.collapsed else "ok"


def write_outcome(path: Path, outcome: TrialOutcome) -> None:
    """Write an outcome; the JSON comes last, so that where it is the predictions are whole."""
    content = {
        item.name: getattr(outcome, item.name)
        for item in dataclasses.fields(outcome)
        if item.name != _PREDICTIONS
    }
    content["status"] = outcome.status
    content["predictions_sha256"] = None
    if outcome.predictions is not None:
        encoded = outcome.predictions.encoded
        content["predictions_sha256"] = prediction_files.sha256_of(encoded)
        write_atomically(_predictions_of(path), encoded)
    write_json(path, content)


def read_outcome(path: Path) -> TrialOutcome | None:
    """Read an outcome; None where there is none, or it is damaged and has to be made again."""
    try:
        content = parse_json(path.read_bytes())
        expected = content.pop("predictions_sha256")
        content.pop("status")
        predictions = None
        if expected is not None:
            encoded = _predictions_of(path).read_bytes()
            if prediction_files.sha256_of(encoded) != expected:
                return None
            predictions = prediction_files.decode(encoded, path)
        return TrialOutcome(**content, predictions=predictions)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _predictions_of(path: Path) -> Path:
    return path.with_suffix(".csv.gz")
