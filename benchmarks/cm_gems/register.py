"""Exports measured models as result records: ``python -m benchmarks.cm_gems.register core.toml``.

One record per arm and task, its seeds those of the study (each with a model of its own). Every record says in
its name and in its note at which scale it was made.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.cm_gems.comparing import digits
from benchmarks.cm_gems.report import load
from benchmarks.cm_gems.study import HERE, Table
from dnamask_plugins.config import fingerprint
from dnamask_plugins.results.measuring import measured
from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.record_files import write
from dnamask_plugins.results.records import ModelInfo, RunInfo, SeedOutcome, TaskInfo
from dnamask_plugins.tasks import all_suites

REGISTRY = HERE.parents[1] / "registry" / "results"


def register(table: Table, results: Path, folder: Path, method: Literal["probe", "finetune"]) -> list[Path]:
    """Write the records of one method; what is there already stays."""
    arms = load(results / table.name, list(dict.fromkeys(unit.arm for unit in table.units)))
    known = {task.name: task for task in all_suites()["gue"]}
    written = []
    for arm, records in arms.items():
        done = {seed: record for seed, record in records.items() if record.get(method)}
        if not done:
            continue
        first = next(iter(done.values()))
        for name in first[method]:
            figures = {seed: record[method][name] for seed, record in done.items()}
            seeds = [_seed(seed, each) for seed, each in figures.items()]
            one = next(iter(figures.values()))
            task = known[name]
            record = measured(
                _model(table, arm, first),
                TaskInfo(
                    name=name,
                    suite="gue",
                    metric=task.metric,
                    classes=one["classes"],
                    species=task.species or "unknown",
                    data_sha256=one["data_sha256"],
                ),
                _run(table, first, one, method),
                seeds,
            )
            written.append(write(record, seeds, folder))
    return written


def _model(table: Table, arm: str, record: dict[str, Any]) -> ModelInfo:
    settings = record["settings"]
    trained = record["pretraining"]
    steps = trained["steps"] if trained else 0
    revision = record.get("revision", 1)
    arm = arm if revision == 1 else f"{arm} r{revision}"
    return ModelInfo(
        name=f"{table.name}-study {arm} ({record['parameters'] / 1e6:.1f}M, {steps} steps)",
        reference="benchmarks/cm_gems",
        backbone=settings["backbone"],
        tokenizer=settings.get("tokenizer", {}).get("name"),
        strategy=None if trained is None else _strategy(settings["curriculum"]),
        pretraining_steps=steps,
        parameters=record["parameters"],
        curriculum_fingerprint=fingerprint(settings["curriculum"]),
    )


def _strategy(curriculum: dict[str, Any]) -> str:
    return str(curriculum.get("strategy") if curriculum["name"] == "constant" else curriculum["name"])


def _run(table: Table, record: dict[str, Any], figures: dict[str, Any], method: str) -> RunInfo:
    machine = record["environment"]
    recipe = dict(figures["recipe"])
    return RunInfo(
        method=method,
        recipe=recipe,
        select_by="dev mcc" if method == "probe" else "last checkpoint",
        command=f"python -m benchmarks.cm_gems.run {table.name}.toml",
        hardware={
            "processor": str(machine["processor"]),
            "threads": str(machine["threads"]),
            "gpus": ", ".join(machine["gpus"]) or "none",
            "platform": str(machine["platform"]),
        },
        libraries={"python": str(machine["python"]), **machine["libraries"]},
        package_version=str(machine["dnamask_plugins"]),
        scale_note=(
            f"study of small models ({record['parameters']:,} parameters); each seed is a model of its own; "
            f"trained on {figures['train_rows']} rows; ranks within the study only"
        ),
    )


def _seed(seed: int, figures: dict[str, Any]) -> SeedOutcome:
    leaked = np.zeros(figures["test_rows"], dtype=bool)
    leaked[figures["leaked"]] = True
    predictions = Predictions(digits(figures["labels"]), digits(figures["predictions"]), None, leaked)
    return SeedOutcome(
        seed,
        predictions,
        best_step=figures["best_step"],
        dev=figures["dev"],
        wall_time_s=figures["wall_time_s"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--registry", type=Path, default=REGISTRY)
    given = parser.parse_args()
    path = given.table if given.table.is_file() else HERE / given.table
    table = Table.read(path)
    for method in ("probe", "finetune"):
        written = register(table, given.results, given.registry, method)  # type: ignore[arg-type]
        print(f"{len(written)} records by {method}")


if __name__ == "__main__":
    main()
