"""Type I error and power of the verdict, by simulation: ``python -m benchmarks.confirmatory.simulate``.

A seed's figure (its mean over the tasks) is drawn as a normal number around its arm's true mean. The spreads
are those seen between the three pretraining seeds of Gate 0: pooled over its models, and that of the random
span.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.confirmatory.pretraining import HERE
from benchmarks.confirmatory.registration import Registration
from benchmarks.confirmatory.verdict import judge
from dnamask_plugins.files import write_json

SPREADS = (0.0085, 0.012)


def shares_shown(
    registration: Registration,
    truth: Mapping[str, float],
    spread: float,
    draws: int,
    seed: int,
    seeds: int,
) -> dict[str, float]:
    """Return how often each tested claim is shown, and how often any, when arms have these true means.

    Parameters
    ----------
    registration : Registration
    truth : mapping of arm to float
        True mean; 0 where absent.
    spread : float
        Standard deviation of a seed's figure.
    draws, seed : int
    seeds : int
        Pretraining seeds that were made of the arms without a number of their own.
    """
    claims = [claim for claim in registration.claims if claim["kind"] != "reaches"]
    arms = sorted({arm for claim in claims for arm in (claim["arm"], *claim["than"])})
    made = registration.seeds[:seeds]
    rng = np.random.default_rng(seed)
    shown = dict.fromkeys([claim["name"] for claim in claims] + ["any"], 0)
    for _ in range(draws):
        figures = {
            arm: dict(zip(made, truth.get(arm, 0.0) + spread * rng.standard_normal(seeds), strict=True))
            for arm in arms
        }
        verdicts = judge(claims, made, figures, {}, registration.left_out)
        found = [verdict.claim for verdict in verdicts if verdict.status == "shown"]
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


def simulate(registration: Registration, draws: int = 100) -> dict[str, Any]:
    """Simulate the null at the edge of every claim, and gains of 2 and 3 points beyond it."""
    table: dict[str, Any] = {"draws": draws, "rows": []}
    null = null_truth(registration.content)
    tested = [claim for claim in registration.claims if claim["kind"] != "reaches"]
    for spread, seeds in itertools.product(SPREADS, (registration.content["stop"]["least_seeds"], 12)):
        row: dict[str, Any] = {"spread": spread, "seeds": seeds}
        shown = shares_shown(registration, null, spread, draws, 2, seeds)
        table["rows"].append(row | {"gain": 0.0, "any": shown.pop("any"), "shown": shown})
        for gain in (0.02, 0.03):
            shown = {}
            for name, arm in ((claim["name"], claim["arm"]) for claim in tested):
                # An arm that another claim compares with moves that claim too: one claim at a time is honest.
                truth = null | {arm: null[arm] + gain}
                shown[name] = shares_shown(registration, truth, spread, draws, 1, seeds)[name]
            table["rows"].append(row | {"gain": gain, "any": None, "shown": shown})
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=100)
    given = parser.parse_args()
    table = simulate(Registration.read(), given.draws)
    for row in table["rows"]:
        print(row, flush=True)
    write_json(HERE / "records" / "simulation.json", table)


if __name__ == "__main__":
    main()
