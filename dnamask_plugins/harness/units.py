"""Running of units: from files to a finished outcome, whatever happens on the way."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from dnamask_plugins.environment import peak_memory
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.harness.answers import answers
from dnamask_plugins.harness.outcome import UnitOutcome, read_outcome, write_outcome
from dnamask_plugins.harness.prepared import encode_unit, prepare
from dnamask_plugins.harness.solving import Solution, solve
from dnamask_plugins.harness.unit import Unit
from dnamask_plugins.results.scoring import scores_of

_progress: ContextVar[Callable[[int, int], None] | None] = ContextVar("unit_progress", default=None)


@contextlib.contextmanager
def reporting(progress: Callable[[int, int], None]) -> Iterator[None]:
    """Have units that run in this process report how far they are."""
    token = _progress.set(progress)
    try:
        yield
    finally:
        _progress.reset(token)


def run_unit(unit: Unit) -> UnitOutcome:
    """Run a unit and write its outcome; an error becomes an outcome too, so that the others go on."""
    started = time.perf_counter()
    try:
        outcome = _run(unit, started)
    except DnamaskError as error:
        outcome = _failed(unit, str(error), started)
    except Exception as error:  # whatever ends one unit must not end the night's run
        outcome = _failed(unit, f"{type(error).__name__}: {error}", started)
    write_outcome(unit.path, outcome)
    # What the file says, with its rounding, is what a resumed run will see too.
    return read_outcome(unit.path) or outcome


def _failed(unit: Unit, reason: str, started: float) -> UnitOutcome:
    line = " ".join(reason.split())[:500]
    return UnitOutcome(
        unit.task.name,
        unit.method,
        unit.seed,
        error=line,
        wall_time_s=round(time.perf_counter() - started, 3),
    )


def _run(unit: Unit, started: float) -> UnitOutcome:
    _start_memory()
    solution = solve(unit, _progress.get())
    facts = {
        item.name: getattr(solution, item.name)
        for item in dataclasses.fields(Solution)
        if item.name not in ("outputs", "recipe")
    }
    prepared = prepare(unit)
    data = prepared.data
    predictions = answers(data.test.labels, solution.outputs, prepared.leaked)
    figures = scores_of(predictions, data.classes)
    if prepared.leaked.any() and not prepared.leaked.all():
        rest = scores_of(predictions.without_leaks(), data.classes)
        figures |= {f"{name}_without_leaks": value for name, value in rest.items()}
    return UnitOutcome(
        task=unit.task.name,
        method=unit.method,
        seed=unit.seed,
        predictions=predictions,
        classes=data.classes,
        scores=figures,
        recipe=dict(solution.recipe) | _conditions(unit),
        dev_as_train=data.dev_as_train,
        data_sha256={name: split.sha256 for name, split in data.splits.items()},
        audit=prepared.audit,
        wall_time_s=round(time.perf_counter() - started, 3),
        peak_memory_bytes=peak_memory(),
        **facts,
    )


def _conditions(unit: Unit) -> dict[str, object]:
    """Return what departs from the recipe."""
    conditions: dict[str, object] = {
        "max_length": unit.max_length,
        "train_limit": unit.train_limit,
        "overrides": dict(unit.overrides),
    }
    if unit.task.shots is not None:
        conditions["shots_drawn_with_seed"] = unit.seed
    return conditions


def _start_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


__all__ = ["Unit", "encode_unit", "reporting", "run_unit"]
