"""Results of the quickstart."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any, Final

SEEDS: Final = (0, 1, 2)
PROBES: Final = ("span", "genemask", "global_npmi")
CAVEAT: Final = (
    "This shows the machinery. Models this small, trained this briefly, with one pretraining seed, are no "
    "evidence for or against a method."
)


@dataclass(frozen=True)
class Arm:
    """Results of one curriculum.

    Attributes
    ----------
    name : str
    history : list of dict
        Trainer's log.
    switch_step : int or None
    perplexity : dict of str to float
        Held-out, by the mask it was measured under.
    scores : dict of str to list of float
        ``mcc`` and ``accuracy`` on test, one figure per fine-tuning seed.
    """

    name: str
    history: list[dict[str, Any]]
    switch_step: int | None
    perplexity: dict[str, float]
    scores: dict[str, list[float]] = field(default_factory=dict)


def mean_and_deviation(values: list[float]) -> tuple[float, float]:
    """Return mean and sample standard deviation."""
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
