"""Running of trials: from files to a finished outcome, whatever happens on the way."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from dnamask_plugins.environment import peak_memory
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.harness.outcome import TrialOutcome, read_outcome, write_outcome
from dnamask_plugins.harness.outputs import predictions_from
from dnamask_plugins.harness.prepared import encode_trial, prepare
from dnamask_plugins.harness.solving import solve
from dnamask_plugins.harness.trial import Trial
from dnamask_plugins.results.scoring import scores_of

_progress: ContextVar[Callable[[int, int], None] | None] = ContextVar("trial_progress", default=None)


@contextlib.contextmanager
def reporting(progress: Callable[[int, int], None]) -> Iterator[None]:
    """Have trials that run in this process report how far they are."""
    token = _progress.set(progress)
    try:
        yield
    finally:
        _progress.reset(token)


def run_trial(trial: Trial) -> TrialOutcome:
    """Run a trial and write its outcome; an error becomes an outcome too, so that the others go on."""
    started = time.perf_counter()
    try:
        outcome = _run(trial, started)
    except DnamaskError as error:
        outcome = _failed(trial, str(error), started)
    except Exception as error:  # whatever ends one trial must not end the night's run
        outcome = _failed(trial, f"{type(error).__name__}: {error}", started)
    write_outcome(trial.path, outcome)
    # What the file says, with its rounding, is what a resumed run will see too.
    return read_outcome(trial.path) or outcome


def _failed(trial: Trial, reason: str, started: float) -> TrialOutcome:
    line = " ".join(reason.split())[:500]
    return TrialOutcome(
        trial.task.name,
        trial.method,
        trial.seed,
        error=line,
        wall_time_s=round(time.perf_counter() - started, 3),
    )


def _run(trial: Trial, started: float) -> TrialOutcome:
    _start_memory()
    solution = solve(trial, _progress.get())
    prepared = prepare(trial)
    data = prepared.data
    predictions = predictions_from(data.test.labels, solution.outputs, prepared.leaked)
    figures = scores_of(predictions, data.classes)
    if prepared.leaked.any() and not prepared.leaked.all():
        rest = scores_of(predictions.without_leaks(), data.classes)
        figures |= {f"{name}_without_leaks": value for name, value in rest.items()}
    return TrialOutcome(
        task=trial.task.name,
        method=trial.method,
        seed=trial.seed,
        predictions=predictions,
        classes=data.classes,
        scores=figures,
        recipe=dict(solution.recipe) | _conditions(trial),
        dev_as_train=data.dev_as_train,
        data_sha256={name: split.sha256 for name, split in data.splits.items()},
        audit=prepared.audit,
        wall_time_s=round(time.perf_counter() - started, 3),
        peak_memory_bytes=peak_memory(),
        **solution.facts(),
    )


def _conditions(trial: Trial) -> dict[str, object]:
    """Return what departs from the recipe."""
    conditions: dict[str, object] = {
        "max_length": trial.max_length,
        "train_limit": trial.train_limit,
        "overrides": dict(trial.overrides),
    }
    if trial.task.shots is not None:
        conditions["shots_drawn_with_seed"] = trial.seed
    return conditions


def _start_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


__all__ = ["Trial", "encode_trial", "reporting", "run_trial"]
