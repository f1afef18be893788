"""`results verify` against a forger: every kind of tampering that was tried, with the id made again.

Only what no redundancy covers may pass: then the record says that it could not be checked.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_data import labelled, write_csv

from dnamask_plugins.results import predictions as prediction_files
from dnamask_plugins.results import record_files
from dnamask_plugins.results.measuring import measured
from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.record_format import record_id
from dnamask_plugins.results.records import ModelInfo, RunInfo, SeedOutcome, TaskInfo
from dnamask_plugins.results.verify import verify
from dnamask_plugins.tasks import Task
from dnamask_plugins.tasks.audit import audit_task, leaked_rows
from dnamask_plugins.tasks.data import TaskData, read_task

REGISTRY = Path(__file__).resolve().parents[2] / "registry" / "results"
STUDY = REGISTRY / "core-study_cm_gems_r2_0.4m_800_steps"
Content = dict[str, Any]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> TaskData:
    """A data set of which ten test rows stand in train."""
    folder = tmp_path_factory.mktemp("data")
    train = labelled(1, 60)
    write_csv(folder / "toy" / "motif" / "train.csv", train)
    write_csv(folder / "toy" / "motif" / "dev.csv", labelled(2, 30))
    write_csv(folder / "toy" / "motif" / "test.csv", [*train[:10], *labelled(3, 50)])
    return read_task(folder, Task("toy/motif", "toy", "mcc", classes=2))


@pytest.fixture
def record(toy: TaskData, tmp_path: Path) -> Path:
    """The record of two seeds that a run of the harness would write."""
    generator = np.random.default_rng(0)
    seeds = []
    for seed in (0, 1):
        scores = generator.normal(size=(60, 2)).astype(np.float32)
        scores[np.arange(60), toy.test.labels] += 1
        found = Predictions(toy.test.labels, scores.argmax(1), scores, leaked_rows(toy))
        seeds.append(SeedOutcome(seed, found, best_step=5, wall_time_s=2.0, steps=9, dev={"mcc": 0.5}))
    run = RunInfo(
        recipe={"name": "paper/dnabert2", "learning_rate": 3e-5, "lora": None},
        select_by="dev mcc",
        command="dnamask gue run --model m --seeds 0,1",
        effective_batch=32,
        wall_time_s=4.0,
        audit=json.loads(json.dumps(audit_task(toy).to_json())),
        rows={"train": 60, "dev": 30, "test": 60},
    )
    hashes = {split: each.sha256 for split, each in toy.splits.items()}
    task = TaskInfo("toy/motif", "toy", "mcc", 2, data_sha256=hashes)
    made = measured(ModelInfo("tiny"), task, run, seeds, resamples=200)
    return record_files.write(made, seeds, tmp_path)


def forge(path: Path, change: Callable[[Content], object], name: str | None = None) -> Path:
    """Change a record and make its id and its file's name again, as a careful forger does."""
    content = json.loads(path.read_text())
    change(content)
    del content["id"]
    content["id"] = record_id(content)
    task = name or path.name.rsplit(".", 2)[0]
    forged = path.with_name(f"{task}.{content['id']}.json")
    path.unlink()
    forged.write_text(json.dumps(content))
    return forged


def repredict(path: Path, change: Callable[[Predictions], Predictions]) -> Path:
    """Change the predictions and compute every figure, hash and name again."""
    before = record_files.read(path)
    seeds = []
    for entry in before.seeds:
        found = change(prediction_files.load(path.parent / entry["predictions"]["file"]))
        seeds.append(
            SeedOutcome(
                entry["seed"],
                found,
                "",
                entry["best_step"],
                entry["dev"],
                entry["wall_time_s"],
                entry.get("steps"),
            )
        )
    made = measured(
        before.model,
        before.task,
        before.run,
        seeds,
        created=before.created,
        resamples=before.interval["resamples"],
        schema_version=before.schema_version,
    )
    shutil.rmtree(path.parent)
    return record_files.write(made, seeds, path.parent.parent)


def set_in(*keys: Any, value: Any) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


def shift_interval(content: Content) -> None:
    width = content["interval"]["high"] - content["interval"]["low"]
    content["interval"]["low"] += 0.31 * width
    content["interval"]["high"] += 0.31 * width


def rename(content: Content) -> None:
    content["task"]["name"] = "toy/other"


def first_class(item: Predictions) -> np.ndarray:
    """What a model predicts that says one class too often."""
    return np.where(np.arange(len(item)) < 40, 0, 1)


def clear_leaks(item: Predictions) -> Predictions:
    return dataclasses.replace(item, leaked=np.zeros(len(item), bool))


FORGERIES = {
    "made in 2099": (set_in("created", value="2099-01-01T00:00:00+00:00"), "time: 2099"),
    "made before there was a package": (set_in("created", value="1999-01-01T00:00:00+00:00"), "time: 1999"),
    "cheaper": (set_in("run", "wall_time_s", value=0.5), "cost: wall time 0.5 s, but 4.000"),
    "mean": (set_in("mean", value=0.99), "mean"),
    "spread": (set_in("std", value=0.0), "std"),
    "seed value": (set_in("seeds", 0, "value", value=0.99), "seed 0 value"),
    "another metric of a seed": (set_in("seeds", 0, "scores", "accuracy", value=0.99), "seed 0 accuracy"),
    "interval shifted by a third of its width": (shift_interval, "interval low"),
    "interval of another level": (set_in("interval", "level", value=0.5), "interval level"),
    "without leaks": (set_in("mean_without_leaks", value=0.99), "mean_without_leaks"),
    "leaked rows": (set_in("leaked_rows", value=0), "leaked_rows"),
    "hidden failure": (set_in("seeds", 0, "error", value="out of memory"), "with the error"),
    "status": (set_in("seeds", 0, "status", value="collapsed"), "seed 0 status"),
    "test rows": (set_in("task", "test_rows", value=600), "test rows"),
    "task renamed": (rename, "should be toy.other.seed-0"),
    "no hashes of the data": (set_in("task", "data_sha256", value={}), "no hash of any file"),
    "hash of other data": (set_in("task", "data_sha256", "train", value="0" * 64), "than those of the audit"),
    "2 classes -> 5": (set_in("task", "classes", value=5), "scores of 2 classes, but the task has 5"),
    "fine-tuned -> probe": (set_in("run", "method", value="probe"), "probe by the recipe 'paper"),
    "fine-tuned -> LoRA": (set_in("run", "method", value="lora"), "the recipe has no adapters"),
    "fine-tuned -> floor": (set_in("run", "method", value="baseline"), "baseline by the recipe"),
    "seeds of another command": (set_in("run", "command", value="dnamask gue run --seeds 0,1,2"), "asks for"),
    "audit of other rows": (set_in("run", "audit", "splits", "test", "rows", value=61), "61 test rows"),
    "audit without leaks": (set_in("run", "audit", "leaked_test_rows", value=0), "but the audit has 0"),
    "more rows cut than there are": (
        set_in("run", "truncated", value={"test": 61}),
        "61 rows of test",
    ),
    "rows used": (set_in("run", "rows", "test", value=50), "but 50 test rows were used"),
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forged_record_is_found_though_its_id_was_made_again(record: Path, kind: str):
    assert verify(record).problems == ()
    change, says = FORGERIES[kind]
    name = "toy.other" if kind == "task renamed" else None
    assert says in " | ".join(verify(forge(record, change, name)).problems)


REPREDICTED = {
    "predictions replaced by the labels": (
        lambda item: dataclasses.replace(item, predictions=item.labels),
        "predictions are not what scores highest",
    ),
    "labels replaced by the predictions": (
        lambda item: dataclasses.replace(item, labels=first_class(item), predictions=first_class(item)),
        "rows per class",
    ),
    "wrong rows dropped": (
        lambda item: dataclasses.replace(
            item.take(np.arange(50)), leaked=None if item.leaked is None else item.leaked[:50]
        ),
        "50 predictions, but the audit has 60 test rows",
    ),
    "leak flags cleared": (clear_leaks, "0 rows marked, but the audit has 10"),
}


@pytest.mark.parametrize("kind", REPREDICTED)
def test_forged_predictions_are_found_though_every_figure_was_computed_again(record: Path, kind: str):
    change, says = REPREDICTED[kind]
    assert says in " | ".join(verify(repredict(record, change)).problems)


def test_a_careless_forger_is_found_by_the_id(record: Path):
    for change in (
        set_in("created", value="2026-01-02T00:00:00+00:00"),
        set_in("run", "wall_time_s", value=1.0),
        set_in("run", "peak_memory_bytes", value=1),
        set_in("seeds", 0, "wall_time_s", value=1.0),
        set_in("model", "name", value="other"),
    ):
        content = json.loads(record.read_text())
        change(content)
        text = record.read_text()
        record.write_text(json.dumps(content))
        assert "does not belong to its content" in verify(record).problems[0]
        record.write_text(text)


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    """A copy of a committed record of format 1, which holds neither an audit nor scores."""
    folder = tmp_path / STUDY.name
    shutil.copytree(STUDY, folder)
    return next(path for path in sorted(folder.glob("mouse.0.*.json")))


def test_of_the_old_format_it_is_said_what_could_not_be_checked(committed: Path):
    verdict = verify(committed)
    assert verdict.problems == ()
    assert set(verdict.names("not possible")) == {"time", "cost", "predictions", "data set"}
    assert {"labels", "leaks", "rows", "figures", "method"} <= set(verdict.names("ok"))


KNOWN = {
    "another task": (
        set_in("task", "name", value="mouse/2"),
        "mouse.2",
        "is the file mouse/0 test",
    ),
    "another metric": (
        set_in("task", "metric", value="accuracy"),
        None,
        "metric accuracy, but mouse/0 has",
    ),
    "more classes": (set_in("task", "classes", value=5), None, "classes 5, but mouse/0 has 2"),
    "another species": (set_in("task", "species", value="human"), None, "species human"),
    "probe -> fine-tuned": (
        set_in("run", "method", value="finetune"),
        None,
        "by the recipe 'probe'",
    ),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_known_data_sets_are_known_by_their_hashes(committed: Path, kind: str):
    change, name, says = KNOWN[kind]
    assert says in " | ".join(verify(forge(committed, change, name)).problems)


KNOWN_ROWS = {
    "labels": (lambda item: dataclasses.replace(item, labels=1 - item.labels), "not those of the test file"),
    "two labels swapped": (
        lambda item: dataclasses.replace(item, labels=np.roll(item.labels, 1)),
        "labels: not those of the test file",
    ),
    "leaks": (
        lambda item: dataclasses.replace(item, leaked=np.arange(len(item)) < 3),
        "leaks: other rows are marked",
    ),
    "rows": (
        lambda item: dataclasses.replace(item.take(np.arange(100)), leaked=item.leaked[:100]),
        "100 predictions, but mouse/0 has 810 test rows",
    ),
}


@pytest.mark.parametrize("kind", KNOWN_ROWS)
def test_labels_and_leaks_of_known_data_sets_are_known_without_the_data(committed: Path, kind: str):
    change, says = KNOWN_ROWS[kind]
    for other in committed.parent.glob("*.json"):
        if other != committed:
            other.unlink()
    assert says in " | ".join(verify(repredict(committed, change)).problems)


def test_with_the_data_themselves_nothing_about_them_can_be_forged(committed: Path, shared_data: Path):
    folder = shared_data / "gue"
    honest = verify(committed, folder)
    assert honest.problems == ()
    assert "data set" in honest.names("ok")
    for other in committed.parent.glob("*.json"):
        if other != committed:
            other.unlink()
    flags = repredict(committed, lambda item: dataclasses.replace(item, leaked=np.arange(len(item)) < 3))
    assert "data set: 3 rows marked as leaked, but 0 are" in verify(flags, folder).problems


def test_records_that_lie_elsewhere_are_named(record: Path):
    moved = record.parent.with_name("better-model")
    record.parent.rename(moved)
    assert "but belongs to 'tiny'" in " ".join(verify(moved / record.name).problems)
