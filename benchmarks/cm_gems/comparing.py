"""Paired comparisons of arms: over seeds, and over test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.results.resampling import percentile_interval, resample

Records = Mapping[int, Mapping[str, Any]]
"""Records of one arm, by seed."""

LEAKING = ("random_token",)


def mean_loss(losses: Mapping[str, float]) -> float:
    """Return the mean over the masks that do not leak.

    Examples
    --------
    >>> mean_loss({"span": 7.0, "genemask": 6.0, "random_token": 1.0})
    6.5
    """
    return float(np.mean([value for mask, value in losses.items() if mask not in LEAKING]))


def mean_score(figures: Mapping[str, Mapping[str, Any]]) -> float:
    """Return the mean MCC over tasks, leaked rows left out."""
    return float(np.mean([each["mcc_without_leaks"] for each in figures.values()]))


@dataclass(frozen=True)
class SeedTest:
    """Arm minus baseline over the seeds that both have.

    Attributes
    ----------
    differences : tuple of float
    mean : float
    p : float or None
        Two-sided paired t-test; None with fewer than two seeds, or when all differences are equal.
    """

    differences: tuple[float, ...]
    mean: float
    p: float | None

    @property
    def one_sign(self) -> bool:
        """Whether every seed says the same."""
        signs = {np.sign(each) for each in self.differences}
        return len(signs) == 1 and 0 not in signs


def over_seeds(arm: Mapping[int, float], baseline: Mapping[int, float]) -> SeedTest:
    """Compare two arms seed by seed.

    Examples
    --------
    >>> test = over_seeds({0: 1.0, 1: 2.0, 2: 3.5}, {0: 0.5, 1: 1.0, 2: 2.0})
    >>> test.differences, round(test.mean, 3), round(test.p, 3)
    ((0.5, 1.0, 1.5), 1.0, 0.074)
    """
    from scipy.stats import ttest_1samp

    shared = sorted(set(arm) & set(baseline))
    differences = tuple(arm[seed] - baseline[seed] for seed in shared)
    if len(differences) < 2 or len(set(differences)) == 1:
        return SeedTest(differences, float(np.mean(differences)) if differences else float("nan"), None)
    return SeedTest(differences, float(np.mean(differences)), float(ttest_1samp(differences, 0).pvalue))


def holm(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Correct p-values for their number (Holm, 1979).

    Examples
    --------
    >>> holm({"a": 0.01, "b": 0.04, "c": None})
    {'a': 0.02, 'b': 0.04, 'c': None}
    """
    known = sorted((value, name) for name, value in values.items() if value is not None)
    corrected: dict[str, float | None] = dict.fromkeys(values)
    largest = 0.0
    for rank, (value, name) in enumerate(known):
        largest = max(largest, min(1.0, value * (len(known) - rank)))
        corrected[name] = largest
    return corrected


@dataclass(frozen=True)
class RowTest:
    """Arm minus baseline, mean MCC over tasks, with the 95% interval over test rows and seeds."""

    mean: float
    low: float
    high: float


def over_rows(arm: Records, baseline: Records, field: str, resamples: int = 2000) -> RowTest | None:
    """Bootstrap the mean difference over tasks: both arms see the same rows, seeds are drawn again.

    Parameters
    ----------
    arm, baseline : Records
    field : {"probe", "finetune"}
    resamples : int

    Returns
    -------
    RowTest or None
        None where an arm has none of it.
    """
    seeds = sorted(
        seed for seed in set(arm) & set(baseline) if arm[seed].get(field) and baseline[seed].get(field)
    )
    if not seeds:
        return None
    tasks = sorted(set(arm[seeds[0]][field]) & set(baseline[seeds[0]][field]))
    drawn = []
    rng = np.random.default_rng(7)
    chosen = rng.integers(len(seeds), size=(len(seeds), resamples))
    for number, task in enumerate(tasks):
        sides = [[side[seed][field][task] for seed in seeds] for side in (arm, baseline)]
        first = sides[0][0]
        keep = np.ones(first["test_rows"], dtype=bool)
        keep[first["leaked"]] = False
        labels = digits(first["labels"])[keep]
        if any(each["labels"] != first["labels"] for side in sides for each in side):
            raise ValueError(f"{task}: the arms saw different test rows")
        columns = [digits(each["predictions"])[keep] for side in sides for each in side]
        values = resample("mcc", labels, columns, first["classes"], resamples=resamples, seed=number).values
        differences = values[: len(seeds)] - values[len(seeds) :]
        drawn.append(_mean_of_drawn(differences, chosen))
    means = np.mean(drawn, axis=0)
    point = np.mean(
        [
            arm[seed][field][task]["mcc_without_leaks"] - baseline[seed][field][task]["mcc_without_leaks"]
            for seed in seeds
            for task in tasks
        ]
    )
    low, high = percentile_interval(means)
    return RowTest(float(point), low, high)


def _mean_of_drawn(values: NDArray[np.float64], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    count = len(values)
    if count == 1:
        return np.asarray(values[0])
    # Drawing n of n again shrinks the spread of the seeds by (n - 1) / n; the factor undoes that.
    centre = values.mean(axis=0)
    drawn = np.take_along_axis(values, chosen, axis=0).mean(axis=0)
    return np.asarray(centre + (drawn - centre) * np.sqrt(count / (count - 1)))


def digits(text: str) -> NDArray[np.int64]:
    """Turn ``"0110"`` into an array."""
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64) - ord("0")


def spread(values: Sequence[float]) -> str:
    """Write mean and standard deviation over seeds.

    Examples
    --------
    >>> spread([0.5, 0.7]), spread([0.5])
    ('0.600 ± 0.141', '0.500')
    """
    mean = float(np.mean(values))
    return f"{mean:.3f}" if len(values) < 2 else f"{mean:.3f} ± {float(np.std(values, ddof=1)):.3f}"
