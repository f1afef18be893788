"""Where units run: in this process now, on a cluster with anything that has the same one method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from dnamask_plugins.harness.outcome import UnitOutcome
from dnamask_plugins.harness.units import Unit

Function = Callable[[Unit], UnitOutcome]


@runtime_checkable
class Executor(Protocol):
    """Runs units; `function` and units can be pickled, and `function` never raises.

    Outcomes may come in any order. A unit writes its own outcome, so that what is finished survives the
    executor, and workers need to see the output folder.
    """

    def map(self, function: Function, units: Sequence[Unit]) -> Iterable[UnitOutcome]:
        """Run the function on every unit."""
        ...


class LocalExecutor:
    """One unit after the other in this process: the seeds of a task share what was tokenized."""

    def map(self, function: Function, units: Sequence[Unit]) -> Iterator[UnitOutcome]:
        """Yield the outcome of each unit as it is done."""
        yield from map(function, units)
