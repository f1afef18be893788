"""Check a result record against everything that it says twice, and against the data where it is at hand.

An id is only a hash, so that a forger can make it anew: what he cannot keep in line is every redundancy at
once. Each check looks at one of them and says what it found, or why it could not look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.results import predictions as prediction_files
from dnamask_plugins.results import record_files
from dnamask_plugins.results.checks import data, form, scores
from dnamask_plugins.results.checks.evidence import Evidence, NotPossible
from dnamask_plugins.results.records import ResultRecord

State = Literal["ok", "bad", "not possible"]

_CHECKS: Final[tuple[tuple[str, Callable[[Evidence], Iterator[str]]], ...]] = (
    ("file names", form.file_names),
    ("time", form.time_of_making),
    ("cost", form.cost),
    ("method", form.method),
    ("predictions", scores.predictions),
    ("figures", scores.computed_again),
    ("task", data.task_facts),
    ("data hashes", data.hashes),
    ("rows", data.rows),
    ("labels", data.labels),
    ("leaks", data.leaks),
    ("data set", data.data_set),
)


@dataclass(frozen=True)
class CheckResult:
    """One check of one record; `detail` says what is wrong, or why it was not possible."""

    name: str
    state: State
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """What was found in one file; ``record`` is None where it cannot be read."""

    path: Path
    record: ResultRecord | None
    checks: tuple[CheckResult, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong; empty for a good record."""
        return tuple(check.detail for check in self.checks if check.state == "bad")

    @property
    def seeds(self) -> int:
        """Seeds whose figures were computed again."""
        if self.record is None or self.problems:
            return 0
        return sum(entry["predictions"] is not None for entry in self.record.seeds)

    def names(self, state: State) -> tuple[str, ...]:
        """Return the checks that ended in a state."""
        return tuple(dict.fromkeys(check.name for check in self.checks if check.state == state))


def verify(path: Path, data_folder: Path | None = None) -> Verdict:
    """Check one record.

    Parameters
    ----------
    path : Path
        Its file; predictions lie beside it.
    data_folder : Path, optional
        Folder of the data sets; then labels and leaks are compared with the data themselves.

    Returns
    -------
    Verdict
        Of a published record, which has no predictions, only the form is checked.
    """
    try:
        record = record_files.read(path)
    except DnamaskError as error:
        return Verdict(path, None, (CheckResult("form and id", "bad", str(error)),))
    checks = [CheckResult("form and id", "ok")]
    if record.source == "published":
        return Verdict(
            path, record, (*checks, *_run("file names", form.file_names, Evidence(path, record, {})))
        )
    loaded: dict[int, prediction_files.Predictions] = {}
    broken = list(scores.load(path.parent, record, loaded))
    if broken:
        return Verdict(path, record, (*checks, *(CheckResult("predictions", "bad", each) for each in broken)))
    evidence = Evidence(path, record, loaded, data_folder)
    for name, check in _CHECKS:
        checks += _run(name, check, evidence)
    return Verdict(path, record, tuple(checks))


def _run(name: str, check: Callable[[Evidence], Iterator[str]], evidence: Evidence) -> list[CheckResult]:
    found: list[CheckResult] = []
    try:
        # What was found before a check could go no further still counts.
        for problem in check(evidence):
            found.append(CheckResult(name, "bad", f"{name}: {problem}"))
    except NotPossible as reason:
        return found or [CheckResult(name, "not possible", str(reason))]
    except DnamaskError as error:
        return [*found, CheckResult(name, "bad", f"{name}: {error}")]
    return found or [CheckResult(name, "ok")]
