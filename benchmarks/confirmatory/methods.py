"""Measures each method alone: ``python -m benchmarks.confirmatory.methods --data DATA --work WORK``.

Seed by seed, form by form, arm by arm; does what has no record yet, and stops in time. Exit code 75: again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.cm_gems.run import Clock
from benchmarks.confirmatory.pieces import in_pieces, options
from benchmarks.confirmatory.prepare import prepare
from benchmarks.confirmatory.pretraining import HERE, Model, form_settings, make, read_record
from dnamask_plugins.files import read_toml


def models(limit_steps: int | None = None) -> list[Model]:
    """Return the models in the order in which they are made: balanced wherever it is cut."""
    table = read_toml(HERE / "methods.toml")
    found = []
    for seed in table["seeds"]:
        for form in table["forms"]:
            for arm in table["arms"]:
                steps = min(table["steps"][form], limit_steps or 10**9)
                chosen = {key: value for key, value in table["arm"][arm].items() if key != "title"}
                settings = form_settings(
                    form, steps, curriculum=table["curriculum"], trainer=table["trainer"], **chosen
                )
                found.append(Model("methods", form, arm, seed, settings))
    return found


def run_methods(data: Path, work: Path, records: Path, clock: Clock, only: str = "") -> None:
    """Make what has no record, those with a part in their names or all."""
    for model in models():
        if only in model.name and read_record(model, records) is None:
            clock.check()
            record = make(model, work, records)
            print(f"{model.name}: {record['cpu_seconds']:.0f} CPU s", flush=True)


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--only", default="", help="a part of the names, such as seed-1, or logo.spelled")
    given = parser.parse_args()

    def make_missing(clock: Clock) -> None:
        prepare(given.data, given.work)
        run_methods(given.data, given.work, given.records, clock, given.only)

    return in_pieces(given.minutes, make_missing)


if __name__ == "__main__":
    sys.exit(main())
