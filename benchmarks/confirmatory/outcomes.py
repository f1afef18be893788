"""What the committed records of the study say, and where they depart from the registration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.confirmatory.finetuning import read_results
from benchmarks.confirmatory.pretraining import RECORDS, Model, read_record
from benchmarks.confirmatory.registration import Registration


def results_path(model: Model, records: Path = RECORDS) -> Path:
    """Where the task figures of a model are."""
    return records / model.part / f"tasks.{model.name}.json"


def floors_path(records: Path = RECORDS) -> Path:
    """Where the floors of the study are."""
    return records / "study" / "floors.json"


def floor_key(name: str, task: str, rows: int) -> str:
    """Identify a floor on a task."""
    return f"{name} {task} rows={rows}"


def task_figures(
    registration: Registration, records: Path = RECORDS, figure: str = "mcc"
) -> dict[str, dict[int, dict[str, float]]]:
    """Return arm to seed to task to MCC (or another figure), for models that have all registered tasks."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    keys = {attempt.task: attempt.key for attempt in registration.attempts()}
    for model in registration.models():
        results = read_results(results_path(model, records))
        if read_record(model, records) is not None and all(key in results for key in keys.values()):
            by_task = {task: results[key][figure] for task, key in keys.items()}
            found.setdefault(model.arm, {})[model.seed] = by_task
    return found


def figures(
    registration: Registration, records: Path = RECORDS, figure: str = "mcc"
) -> dict[str, dict[int, float]]:
    """Return arm to seed to the mean over tasks, for models that have all registered tasks."""
    return {
        arm: {seed: sum(by_task.values()) / len(by_task) for seed, by_task in seeds.items()}
        for arm, seeds in task_figures(registration, records, figure).items()
    }


def final_perplexity(
    registration: Registration, records: Path = RECORDS, kind: str = "perplexity"
) -> dict[str, dict[int, float]]:
    """Return arm to seed to the last perplexity under the random span's mask, where that was measured."""
    found: dict[str, dict[int, float]] = {}
    for model in registration.models():
        record = read_record(model, records)
        measured = {} if record is None else record.get("measured", {}).get("span", {})
        if kind in measured:
            found.setdefault(model.arm, {})[model.seed] = measured[kind]
    return found


def departures(registration: Registration, records: Path = RECORDS) -> list[str]:
    """Return, a line each, what is missing or other than registered.

    Compared are arms, seeds, tasks, probe and settings of every model; records of arms that are not
    registered; and seeds left out.
    """
    lines = []
    for arm in registration.content["arm"]:
        models = [registration.model(arm, seed) for seed in registration.seeds_of(arm)]
        lines += _missing_models(arm, models, records)
        lines += _missing_figures(registration, arm, models, records)
    lines += [
        f"{arm}: seeds {', '.join(map(str, seeds))} left out for a registered reason"
        for arm, seeds in registration.excluded.items()
    ]
    return lines + list(_unregistered(registration, records))


def _missing_models(arm: str, models: list[Model], records: Path) -> list[str]:
    absent, other = [], []
    for model in models:
        if read_record(model, records) is None:
            (other if model.record_path(records).is_file() else absent).append(model.seed)
    lines = []
    if absent:
        lines.append(f"{arm}: no model of {_seeds(absent, len(models))}")
    if other:
        lines.append(f"{arm}: made with other settings than registered, {_seeds(other, len(models))}")
    return lines


def _missing_figures(registration: Registration, arm: str, models: list[Model], records: Path) -> list[str]:
    missing: dict[str, list[int]] = {}
    for model in models:
        if read_record(model, records) is None:
            continue
        results = read_results(results_path(model, records))
        for attempt in registration.attempts():
            if attempt.key not in results:
                seeds = missing.setdefault(attempt.task, [])
                if model.seed not in seeds:
                    seeds.append(model.seed)
    return [f"{arm}: {task} not measured, {_seeds(seeds, len(models))}" for task, seeds in missing.items()]


def _unregistered(registration: Registration, records: Path) -> Iterator[str]:
    known = {model.record_path(records).name for model in registration.models()}
    for path in sorted((records / registration.part).glob("*.seed-*.json")):
        if not path.name.startswith("tasks.") and path.name not in known:
            yield f"{path.stem}: trained but not registered"


def _seeds(seeds: list[int], all_of_them: int) -> str:
    return "any seed" if len(seeds) == all_of_them else f"seeds {', '.join(map(str, seeds))}"


def dev_table(records: Path = RECORDS) -> dict[str, Any]:
    """Return Gate 0's results: label of a model to attempt to figures."""
    found: dict[str, Any] = {}
    for path in sorted((records / "gate0").glob("*.*.json")):
        kind, _, label = path.stem.partition(".")
        if kind in ("finetune", "probe"):
            found.setdefault(label, {}).update(read_results(path))
    return found
