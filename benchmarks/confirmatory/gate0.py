"""Gate 0, on dev sets: ``python -m benchmarks.confirmatory.gate0 --data DATA --work WORK --minutes 9``.

Does what ``gate0.toml`` lists and no record holds, stage by stage; exit code 75: run the same command again.
A stage whose recipe is "chosen" takes the one of the span's highest mean MCC in the search.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cm_gems.run import AGAIN, Clock, TimeUp
from benchmarks.confirmatory.finetuning import PROBE, Attempt, fine_tune, floor, read_results
from benchmarks.confirmatory.prepare import prepare
from benchmarks.confirmatory.pretraining import HERE, RECORDS, Model, form_settings, make
from dnamask_plugins.files import read_toml, write_json
from dnamask_plugins.pretrain.settings import merge

TABLE = read_toml(HERE / "gate0.toml")


def model_of(label: str, seed: int) -> Model:
    """Return the model of a label with a pretraining seed."""
    chosen = TABLE["model"][label]
    steps = chosen["steps"]
    own = {"init": chosen["init"]} if "init" in chosen else {}
    curriculum = chosen.get("curriculum", {"name": "constant", "strategy": "span"})
    trainer = merge(TABLE["trainer"], chosen.get("trainer", {}))
    settings = form_settings(chosen["form"], max(steps, 1), curriculum=curriculum, trainer=trainer, **own)
    return Model("gate0", chosen["form"], label, seed, settings, untrained=steps == 0)


def tasks_of(stage: dict[str, Any]) -> list[str]:
    return TABLE["tasks"] if stage["tasks"] == "all" else stage["tasks"]


def attempts(stage: dict[str, Any], chosen: tuple[float, str] | None) -> Iterator[tuple[str, Attempt]]:
    """Yield the labels and attempts of a stage, task by task, so that a cut leaves whole comparisons."""
    if "tasks" not in stage:
        return
    rates, heads = stage.get("learning_rate", []), stage.get("head", [])
    if rates == "chosen":
        if chosen is None:
            return
        rates, heads = [chosen[0]], [chosen[1]]
    rows = stage.get("train_rows", TABLE["train_rows"])
    for seed, task in itertools.product(stage.get("seeds", []), tasks_of(stage)):
        for rate, epochs, head in itertools.product(rates, stage["epochs"], heads):
            for label in stage["models"]:
                yield label, Attempt(task, rate, epochs, head, seed, rows)


def chosen_recipe(records: Path = RECORDS) -> tuple[float, str] | None:
    """Return learning rate and head of the span's highest mean MCC in complete searches, else None."""
    stages = [each for each in TABLE["stage"] if each["name"] in ("search", "search_higher")]
    results = read_results(records / "gate0" / "finetune.span.json")
    mean: dict[tuple[float, str], list[float]] = {}
    for label, attempt in itertools.chain.from_iterable(attempts(stage, None) for stage in stages):
        if label == "span":
            if attempt.key not in results:
                return None
            mean.setdefault((attempt.learning_rate, attempt.head), []).append(results[attempt.key]["mcc"])
    return max(mean, key=lambda recipe: sum(mean[recipe]) / len(mean[recipe]))


def gains(records: Path = RECORDS) -> dict[str, float]:
    """Return by task the span's mean dev MCC above the better untrained model's; complete tasks only."""
    chosen = chosen_recipe(records)
    stage = next(each for each in TABLE["stage"] if each["name"] == "confirm")
    values: dict[str, dict[str, list[float]]] = {}
    for label, attempt in attempts(stage, chosen):
        results = read_results(records / "gate0" / f"finetune.{label}.json")
        if attempt.key in results:
            values.setdefault(attempt.task, {}).setdefault(label, []).append(results[attempt.key]["mcc"])
    found = {}
    for task, by_label in values.items():
        if all(len(by_label.get(label, [])) == len(stage["seeds"]) for label in stage["models"]):
            mean = {label: sum(each) / len(each) for label, each in by_label.items()}
            found[task] = mean["span"] - max(value for label, value in mean.items() if label != "span")
    return found


def probe_table(records: Path = RECORDS) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return probe to model to task to the dev MCC of its pretraining seeds."""
    stage = next(each for each in TABLE["stage"] if each["name"] == "probe_search")
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for label, attempt in attempts(stage, None):
        results = read_results(records / "gate0" / f"finetune.{label}.json")
        if attempt.key in results:
            by_task = found.setdefault(attempt.head, {}).setdefault(label, {})
            by_task.setdefault(attempt.task, []).append(results[attempt.key]["mcc"])
    return found


def probe_gains(by_label: Mapping[str, Mapping[str, Sequence[float]]]) -> list[float]:
    """Return by task the span's mean MCC above that of the better untrained model."""
    return [
        float(
            np.mean(by_label["span"][task])
            - max(np.mean(by_label[label][task]) for label in by_label if label != "span")
        )
        for task in TABLE["tasks"]
    ]


def span_mean(by_label: Mapping[str, Mapping[str, Sequence[float]]]) -> float:
    """Return the span's mean over tasks and seeds."""
    return float(np.mean([np.mean(values) for values in by_label["span"].values()]))


def chosen_probe(records: Path = RECORDS) -> str | None:
    """Return the probe of the span's highest mean among those that pass the rule, else None."""
    found = probe_table(records)
    passed = [
        probe for probe, by_label in found.items() if sum(gain >= 0.05 for gain in probe_gains(by_label)) >= 5
    ]
    return max(passed, key=lambda probe: span_mean(found[probe])) if passed else None


def rule(records: Path = RECORDS) -> str:
    """Say what the rule of Gate 0 (5 points on 5 of the 8 tasks) gives for fine-tuning."""
    found = gains(records)
    enough = sum(gain >= 0.05 for gain in found.values())
    left = len(TABLE["tasks"]) - len(found)
    said = f"Fine-tuning, the rule (5 points on 5 of 8 tasks): {enough} of {len(found)} tasks"
    if enough >= 5:
        return f"{said}. Passed."
    return f"{said}{f', {left} not run' if left else ''}. {'Open' if enough + left >= 5 else 'Not passed'}."


def run_floors(data: Path, records: Path, clock: Clock) -> None:
    path = records / "gate0" / "floors.json"
    for name, task in itertools.product(TABLE["floors"], TABLE["tasks"]):
        results = read_results(path)
        key = f"{name} {task} rows={TABLE['train_rows']}"
        if key not in results:
            clock.check()
            results[key] = floor(name, task, data, TABLE["train_rows"])
            write_json(path, results)
            print(f"{key}: {results[key]['mcc']:.3f}", flush=True)


def run_stage(
    stage: dict[str, Any], data: Path, work: Path, records: Path, clock: Clock, models: str | None = None
) -> None:
    """Do what a stage lists and no record holds; of these models only (labels by comma), or of all."""
    if stage["name"] == "floors":
        run_floors(data, records, clock)
        return
    if "tasks" not in stage:
        for label, seed in itertools.product(stage["models"], stage["seeds"]):
            clock.check()
            make(model_of(label, seed), work, records)
        return
    for label, attempt in attempts(stage, chosen_recipe(records)):
        path = records / "gate0" / f"{'probe' if attempt.head == PROBE else 'finetune'}.{label}.json"
        results = read_results(path)
        if attempt.key in results or (models is not None and label not in models.split(",")):
            continue
        clock.check()
        model = model_of(label, attempt.seed)
        make(model, work, records)
        results[attempt.key] = fine_tune(model.folder(work), attempt, data, TABLE["recipe"])
        write_json(path, results)
        print(f"{label} {attempt.key}: {results[attempt.key]['mcc']:.3f}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--stages", help="only these, for example floors,search")
    parser.add_argument("--models", help="only these, for example span,bpe")
    given = parser.parse_args()
    prepare(given.data, given.work)
    from dnamask_plugins.pretrain.signals import Interrupted

    clock = Clock(given.minutes)
    try:
        for stage in TABLE["stage"]:
            if given.stages is None or stage["name"] in given.stages.split(","):
                run_stage(stage, given.data, given.work, given.records, clock, given.models)
    except (TimeUp, Interrupted):
        print("time is up; run the same command again", flush=True)
        return AGAIN
    finally:
        clock.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
