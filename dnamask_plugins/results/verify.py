"""Check a result record against the predictions that lie beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.results import predictions as prediction_files
from dnamask_plugins.results import record_files
from dnamask_plugins.results.measuring import measured
from dnamask_plugins.results.records import ResultRecord, SeedOutcome

_EXACT: Final = 1e-9
# NumPy may change what its generator draws; an interval that is off by more than this is not that.
_INTERVAL: Final = 0.02


@dataclass(frozen=True)
class Verdict:
    """What was found: ``problems`` is empty for a good record; ``seeds`` counts those scored again."""

    path: Path
    record: ResultRecord | None
    seeds: int
    problems: tuple[str, ...]


def verify(path: Path) -> Verdict:
    """Check schema, id, hashes of predictions, and compute every figure again.

    A published record has no predictions; only its form is checked.
    """
    try:
        record = record_files.read(path)
    except DnamaskError as error:
        return Verdict(path, None, 0, (str(error),))
    if record.source == "published":
        return Verdict(path, record, 0, ())
    problems: list[str] = []
    outcomes: list[SeedOutcome] = []
    for entry in record.seeds:
        outcomes.append(
            SeedOutcome(entry["seed"], _predictions(path.parent, entry, problems), entry["error"])
        )
    if problems:
        return Verdict(path, record, 0, tuple(problems))
    assert record.run is not None
    resamples = record.interval["resamples"] if record.interval else 1
    try:
        again = measured(
            record.model,
            record.task,
            record.run,
            outcomes,
            resamples=resamples,
            schema_version=record.schema_version,
        )
    except DnamaskError as error:
        return Verdict(path, record, 0, (str(error),))
    scored = sum(outcome.predictions is not None for outcome in outcomes)
    return Verdict(path, record, scored, tuple(_differences(record, again)))


def _predictions(folder: Path, entry: Any, problems: list[str]) -> prediction_files.Predictions | None:
    stored = entry["predictions"]
    if stored is None:
        return None
    path = folder / stored["file"]
    try:
        content = path.read_bytes()
        if prediction_files.sha256_of(content) != stored["sha256"]:
            problems.append(
                f"seed {entry['seed']}: {stored['file']} is not the file whose sha256 was recorded"
            )
            return None
        loaded = prediction_files.decode(content, path)
    except OSError as error:
        problems.append(f"seed {entry['seed']}: {stored['file']} cannot be read ({error.strerror})")
        return None
    except DnamaskError as error:
        problems.append(str(error))
        return None
    if len(loaded) != stored["rows"]:
        problems.append(f"seed {entry['seed']}: {len(loaded)} predictions, {stored['rows']} recorded")
    return loaded


def _differences(record: ResultRecord, again: ResultRecord) -> list[str]:
    problems: list[str] = []

    def check(what: str, recorded: Any, computed: Any, tolerance: float = _EXACT) -> None:
        if not _same(recorded, computed, tolerance):
            problems.append(f"{what}: recorded {recorded}, computed from the predictions {computed}")

    for old, new in zip(record.seeds, again.seeds, strict=True):
        for key in ("status", "value", "value_without_leaks"):
            check(f"seed {old['seed']} {key}", old[key], new[key])
    for key in ("mean", "std", "mean_without_leaks", "leaked_rows", "failed_seeds", "collapsed_seeds"):
        check(key, getattr(record, key), getattr(again, key))
    check("test rows", record.task.test_rows, again.task.test_rows)
    for key in ("low", "high"):
        check(f"interval {key}", (record.interval or {}).get(key), (again.interval or {}).get(key), _INTERVAL)
    return problems


def _same(recorded: Any, computed: Any, tolerance: float) -> bool:
    if isinstance(recorded, (int, float)) and isinstance(computed, (int, float)):
        return math.isclose(recorded, computed, rel_tol=0, abs_tol=tolerance)
    return bool(recorded == computed)
