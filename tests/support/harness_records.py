"""Small measured records for the tests of records, comparison, leaderboard and model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dnamask_plugins.results import measuring, record_files
from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.records import (
    ModelInfo,
    ResultRecord,
    RunInfo,
    SeedOutcome,
    TaskInfo,
)

FILES = {"train": "1" * 64, "dev": "2" * 64, "test": "3" * 64}
"""Hashes of files that nobody has published."""

TATA = TaskInfo("prom/prom_core_tata", "gue", "mcc", 2, "human", data_sha256=FILES)
MOUSE = TaskInfo("mouse/3", "gue", "mcc", 2, "mouse", data_sha256=FILES)
COVID = TaskInfo("virus/covid", "gue", "f1_macro", 9, "virus", data_sha256=FILES)


def labels_of(task: TaskInfo, rows: int = 200) -> np.ndarray:
    return np.random.default_rng(7).integers(0, task.classes, rows)


def predict(
    task: TaskInfo, right: float, seed: int, rows: int = 200, leaked: np.ndarray | None = None
) -> Predictions:
    labels, rng = labels_of(task, rows), np.random.default_rng((seed, 1))
    wrong = (labels + rng.integers(1, task.classes, rows)) % task.classes
    chosen = np.where(rng.random(rows) < right, labels, wrong)
    scores = rng.random((rows, task.classes)).astype(np.float32)
    scores[np.arange(rows), chosen] += 1
    return Predictions(labels, chosen, scores, leaked)


def outcomes(
    task: TaskInfo, right: float = 0.8, seeds: Sequence[int] = (0, 1, 2), **more: object
) -> list[SeedOutcome]:
    return [
        SeedOutcome(seed, predict(task, right, seed, **more), best_step=10, wall_time_s=1.5) for seed in seeds
    ]  # type: ignore[arg-type]


def write_record(
    folder: Path,
    name: str = "tiny",
    task: TaskInfo = TATA,
    seeds: list[SeedOutcome] | None = None,
    *,
    run: RunInfo | None = None,
    model: ModelInfo | None = None,
    right: float = 0.8,
    created: str = "2026-01-01T00:00:00+00:00",
) -> tuple[ResultRecord, Path]:
    seeds = outcomes(task, right) if seeds is None else seeds
    model = model or ModelInfo(
        name, backbone="bert_tiny", tokenizer="kmer", strategy="cm_gems", pretraining_steps=1000
    )
    record = measuring.measured(
        model, task, run or RunInfo(recipe={"name": "paper"}), seeds, created=created, resamples=200
    )
    return record, record_files.write(record, seeds, folder)
