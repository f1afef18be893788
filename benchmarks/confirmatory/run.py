"""The whole study in one command that goes on where the committed records end.

``python benchmarks/confirmatory/run.py --data DATA --work WORK [--minutes 9]``

In this order: Gate 0 on dev sets; each method alone; then, once ``registration.toml`` says "registered",
the registered arms, seed by seed: pretraining and what is asked of the model, and the floors. What has a
record is not done again; a model whose weights are not on this machine is made again only if a figure of it
is missing. The process may be killed at any time. Exit code 0: all is done. 75: run the same command again.

DATA holds ``genomes/``, ``gue/``, ``tokenizers/`` (and ``fewshot/``, for the exclusion); WORK gets corpora
and models. Both may be given by STUDY_DATA and STUDY_WORK. The same command may run several times at once:
the processes share the registered models out. ``python -m benchmarks.confirmatory.report`` writes the page.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.cm_gems.run import Clock  # noqa: E402
from benchmarks.confirmatory import gate0, methods  # noqa: E402
from benchmarks.confirmatory.finetuning import fine_tune, floor, read_results  # noqa: E402
from benchmarks.confirmatory.outcomes import floor_key, floors_path, results_path  # noqa: E402
from benchmarks.confirmatory.pieces import in_pieces, options  # noqa: E402
from benchmarks.confirmatory.prepare import prepare  # noqa: E402
from benchmarks.confirmatory.pretraining import Model, make, read_record  # noqa: E402
from benchmarks.confirmatory.registration import Registration  # noqa: E402
from dnamask_plugins.files import write_json  # noqa: E402


def run_model(
    model: Model, registration: Registration, data: Path, work: Path, records: Path, clock: Clock
) -> None:
    """Make a model and its task figures, as far as they have no record."""
    path = results_path(model, records)
    results = read_results(path)
    if read_record(model, records) is None:
        results = {}  # those of another model
    missing = [each for each in registration.attempts() if each.key not in results]
    if read_record(model, records) is not None and not missing:
        return
    clock.check()
    make(model, work, records)
    for attempt in missing:
        clock.check()
        results[attempt.key] = fine_tune(model.folder(work), attempt, data, {})
        write_json(path, results)
    print(f"{model.name}: done", flush=True)


def run_floors(registration: Registration, data: Path, records: Path, clock: Clock) -> None:
    """Fit the floors on the registered rows."""
    path = floors_path(records)
    rows = registration.content["train_rows"]
    for name in registration.content["floors"]:
        for task in registration.content["tasks"]:
            results, key = read_results(path), floor_key(name, task, rows)
            if key not in results:
                clock.check()
                write_json(path, results | {key: floor(name, task, data, rows, "test")})


@contextlib.contextmanager
def claimed(work: Path, name: str) -> Iterator[bool]:
    """Say whether this process has a piece of work to itself; another one may be at it."""
    folder = work / "claims"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def run_registered(given: argparse.Namespace, registration: Registration, clock: Clock) -> None:
    """Run the registered part; what another process is at is left to it."""
    for model in registration.models():
        with claimed(given.work, model.name) as mine:
            if mine:
                run_model(model, registration, given.data, given.work, given.records, clock)
    with claimed(given.work, "floors") as mine:
        if mine:
            run_floors(registration, given.data, given.records, clock)


def make_missing(given: argparse.Namespace, clock: Clock) -> None:
    """Make what has no record: Gate 0, each method alone, the registered arms."""
    registration = Registration.read()
    prepare(given.data, given.work)
    for stage in gate0.TABLE["stage"]:
        gate0.run_stage(stage, given.data, given.work, given.records, clock)
    methods.run_methods(given.data, given.work, given.records, clock)
    if registration.is_registered:
        run_registered(given, registration, clock)
    else:
        print("the registration is a draft: no other arm is trained until it is committed as registered")


def main() -> int:
    given = options(__doc__).parse_args()
    return in_pieces(given.minutes, functools.partial(make_missing, given))


if __name__ == "__main__":
    sys.exit(main())
