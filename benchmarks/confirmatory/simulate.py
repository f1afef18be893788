"""Type I error and power of the verdict, by simulation: ``python -m benchmarks.confirmatory.simulate``.

Seed means are drawn as normal numbers around an arm's true mean. Their spread is what eight tasks leave of
the spread of one: a third of it if tasks were independent; here half of the variance is shared by all tasks.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.confirmatory.pretraining import HERE
from benchmarks.confirmatory.verdict import judge
from dnamask_plugins.files import write_json
from dnamask_plugins.pretrain.settings import read_toml

SHARED = 0.5


def spread_of_means(per_task: float, tasks: int, shared: float = SHARED) -> float:
    """Return the standard deviation of a seed's mean over tasks, a share of the variance being common.

    Examples
    --------
    >>> round(spread_of_means(0.035, 8), 4), round(spread_of_means(0.035, 8, 0.0), 4)
    (0.0263, 0.0124)
    """
    return float(per_task * np.sqrt(shared + (1 - shared) / tasks))


def shares_shown(
    registration: Mapping[str, Any], truth: Mapping[str, float], spread: float, draws: int, seed: int
) -> dict[str, float]:
    """Return how often each tested claim is shown, and how often any, when arms have these true means.

    Parameters
    ----------
    registration : mapping
    truth : mapping of arm to float
        True mean; 0 where absent.
    spread : float
        Standard deviation of a seed's figure.
    draws, seed : int
    """
    claims = [claim for claim in registration["claim"] if claim["kind"] != "reaches"]
    arms = sorted({arm for claim in claims for arm in (claim["arm"], *claim["than"])})
    seeds: Sequence[int] = registration["seeds"]
    rng = np.random.default_rng(seed)
    shown = dict.fromkeys([claim["name"] for claim in claims] + ["any"], 0)
    for _ in range(draws):
        figures = {
            arm: dict(zip(seeds, truth.get(arm, 0.0) + spread * rng.standard_normal(len(seeds)), strict=True))
            for arm in arms
        }
        found = [verdict.claim for verdict in judge(claims, seeds, figures, {}) if verdict.status == "shown"]
        for name in found:
            shown[name] += 1
        shown["any"] += bool(found)
    return {name: count / draws for name, count in shown.items()}


def null_truth(registration: Mapping[str, Any]) -> dict[str, float]:
    """Return true means at which every claim is just false, where that can be had at once.

    Claims of "better by m" are at their edge when the arm is exactly m above; of "not worse by m" when it is
    exactly m below. Where the arm has its place from an earlier claim, what it is compared with moves.
    """
    truth: dict[str, float] = {}
    for claim in registration["claim"]:
        if claim["kind"] == "reaches":
            continue
        edge = claim["margin"] if claim["kind"] == "better" else -claim["margin"]
        free = [arm for arm in claim["than"] if arm not in truth]
        if claim["arm"] in truth and free:
            truth |= dict.fromkeys(free, truth[claim["arm"]] - edge)
            continue
        base = max(truth.get(arm, 0.0) for arm in claim["than"])
        for arm in free:
            truth[arm] = base
        truth.setdefault(claim["arm"], base + edge)
    return truth


def simulate(registration: Mapping[str, Any], draws: int = 2000) -> dict[str, Any]:
    """Simulate the null at the edge of every claim, and gains of 1 to 4 points beyond it."""
    tasks = len(registration["tasks"])
    table: dict[str, Any] = {"draws": draws, "shared": SHARED, "rows": []}
    null = null_truth(registration)
    claimed = {claim["arm"] for claim in registration["claim"]}
    for per_task in (0.035, 0.05):
        spread = spread_of_means(per_task, tasks)
        for gain in (0.0, 0.01, 0.02, 0.03, 0.04):
            truth = {arm: value + (gain if arm in claimed else 0.0) for arm, value in null.items()}
            # An arm that another claim compares with moves that claim too: one claim at a time is honest.
            rows = {}
            for claim in registration["claim"]:
                if claim["kind"] == "reaches":
                    continue
                one = null | {claim["arm"]: null[claim["arm"]] + gain}
                rows[claim["name"]] = shares_shown(registration, one, spread, draws, 1)[claim["name"]]
            any_at_null = shares_shown(registration, null, spread, draws, 2)["any"] if gain == 0 else None
            table["rows"].append(
                {"per_task": per_task, "gain": gain, "shown": rows, "any": any_at_null, "truth": truth}
            )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    given = parser.parse_args()
    table = simulate(read_toml(HERE / "registration.toml"), given.draws)
    for row in table["rows"]:
        del row["truth"]
        print(row)
    write_json(HERE / "records" / "simulation.json", table)


if __name__ == "__main__":
    main()
