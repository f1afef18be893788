"""Figures of methods that know nothing but a task's training rows, and which models are not above them.

``floors.json`` holds those measured on GUE and the few-shot tasks (records in ``registry/results``).
A floor holds for the same task, metric and test file only.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from dnamask_plugins.files import parse_json
from dnamask_plugins.results import record_files
from dnamask_plugins.results.records import ResultRecord

FILE: Final = "floors.json"
_PREFIXES: Final = ("baseline:", "untrained:")

Key = tuple[str, str, str, bool]
"""Task, metric, SHA-256 of the test file, and whether dev stood in for train."""


@dataclass(frozen=True)
class Floor:
    """The figure of one floor on one task, a fraction."""

    name: str
    value: float


@dataclass(frozen=True)
class BelowFloor:
    """A model that is not above the highest floor of a task; values are fractions."""

    model: str
    task: str
    metric: str
    value: float
    floor: str
    floor_value: float


def is_floor(record: ResultRecord) -> bool:
    """Whether a record is of a floor: a baseline, or a model without pretraining."""
    return record.model.reference.startswith(_PREFIXES) or record.model.pretraining_steps == 0


def floors_of(records: Iterable[ResultRecord]) -> dict[Key, list[Floor]]:
    """Arrange the records of floors by what they hold for."""
    found: dict[Key, list[Floor]] = {}
    for record in records:
        key = _key(record)
        if key is not None and record.mean is not None and is_floor(record):
            found.setdefault(key, []).append(Floor(record.model.name, record.mean))
    return found


def known_floors(paths: Sequence[str | os.PathLike[str]] = ()) -> dict[Key, list[Floor]]:
    """Return the floors that ship with the package, and those of further records.

    Parameters
    ----------
    paths : sequence of path
        Records, or folders of them; what is no floor in them is left out.
    """
    found = {key: list(floors) for key, floors in _shipped().items()}
    more = floors_of(record_files.read(path) for path in record_files.find(paths))
    for key, floors in more.items():
        found.setdefault(key, []).extend(floors)
    return found


def below_floors(
    model: str, records: Iterable[ResultRecord], floors: Mapping[Key, Sequence[Floor]]
) -> list[BelowFloor]:
    """Return the tasks on which a model is not above the highest floor."""
    below = []
    for record in records:
        key = _key(record)
        if key is None or record.mean is None or is_floor(record):
            continue
        held = floors.get(key, ())
        highest = max(held, key=lambda floor: floor.value, default=None)
        if highest is not None and record.mean <= highest.value:
            task = record.task
            below.append(BelowFloor(model, task.name, task.metric, record.mean, highest.name, highest.value))
    return below


def to_json(floors: Mapping[Key, Sequence[Floor]]) -> list[dict[str, Any]]:
    """Return the content of ``floors.json``."""
    names = ("task", "metric", "test_sha256", "dev_as_train")
    return [
        {
            **dict(zip(names, key, strict=True)),
            "floors": {
                each.name: round(each.value, 6) for each in sorted(floors[key], key=lambda each: each.name)
            },
        }
        for key in sorted(floors)
    ]


def _key(record: ResultRecord) -> Key | None:
    if record.run is None:
        return None
    test = record.task.data_sha256.get("test")
    return None if test is None else (record.task.name, record.task.metric, test, record.run.dev_as_train)


@functools.cache
def _shipped() -> dict[Key, tuple[Floor, ...]]:
    found: dict[Key, tuple[Floor, ...]] = {}
    for entry in parse_json(files(__package__).joinpath(FILE).read_bytes()):
        key = entry["task"], entry["metric"], entry["test_sha256"], entry["dev_as_train"]
        found[key] = tuple(Floor(name, value) for name, value in entry["floors"].items())
    return found
