"""The study at the size of the papers' LOGO, on a GPU; goes on where the records end.

``python -m benchmarks.confirmatory.full_size --data DATA --work WORK [--minutes 7] [--calibrate]``

With ``--calibrate``: the plain random span with each learning rate of ``full_size.toml``. Without: the
registered arms, seed by seed, each with its task figures. The same command may run several times at once: the
processes share the models out, so that the GPU has work while another one reads, saves or fits a classifier.
The process may be killed at any time. Exit code 0: all is done. 75: run the same command again.
``python -m benchmarks.confirmatory.report`` writes the page.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.cm_gems.run import Clock
from benchmarks.confirmatory.pieces import in_pieces, options
from benchmarks.confirmatory.prepare import prepare
from benchmarks.confirmatory.pretraining import HERE, RECORDS, Model, make, read_record
from benchmarks.confirmatory.registration import Registration
from benchmarks.confirmatory.run import claimed, run_registered
from dnamask_plugins.pretrain.settings import merge

FILE = HERE / "full_size.toml"


def calibration(registration: Registration) -> Iterator[tuple[float, Model]]:
    """Yield the learning rates and the model of each."""
    table = registration.content["calibration"]
    for rate in table["learning_rates"]:
        model = registration.model(table["arm"], table["seed"])
        trainer = {"max_steps": table["steps"], "learning_rate": rate}
        name = f"{model.arm}_{rate:g}"
        yield (
            rate,
            replace(
                model,
                part=f"{model.part}_calibration",
                arm=name,
                settings=merge(model.settings, {"trainer": trainer}),
            ),
        )


def chosen_rate(registration: Registration, records: Path = RECORDS) -> float | None:
    """Return the learning rate by the registered rule; None while a model of the calibration is missing."""
    found = {}
    for rate, model in calibration(registration):
        record = read_record(model, records)
        if record is None:
            return None
        found[rate] = record["evaluations"][-1]["perplexity"]
    return min(found, key=lambda rate: found[rate])


def calibrate(given: argparse.Namespace, registration: Registration, clock: Clock) -> None:
    """Make the models of the calibration that have no record."""
    for rate, model in calibration(registration):
        with claimed(given.work, model.name) as mine:
            if mine:
                clock.check()
                last = make(model, given.work, given.records)["evaluations"][-1]
                print(f"learning rate {rate:g}: {json.dumps(last)}", flush=True)


def make_missing(given: argparse.Namespace, clock: Clock) -> None:
    """Make what was asked for and has no record."""
    registration = Registration.read(FILE)
    prepare(given.data, given.work)
    if given.calibrate:
        calibrate(given, registration, clock)
    elif registration.is_registered:
        run_registered(given, registration, clock)
    else:
        print("the registration is a draft: only --calibrate trains anything")


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--calibrate", action="store_true")
    given = parser.parse_args()
    return in_pieces(given.minutes, functools.partial(make_missing, given))


if __name__ == "__main__":
    sys.exit(main())
