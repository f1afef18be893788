"""The table of scores that ends ``gue run`` and ``fewshot run``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from dnamask_plugins.harness.outcome import TrialOutcome
from dnamask_plugins.harness.trial import Trial
from dnamask_plugins.tasks.metrics import METRICS, shown


def score_rows(outcomes: Mapping[Trial, TrialOutcome], drop_leaks: bool) -> list[dict[str, Any]]:
    """Return mean and spread over the seeds of each task, in [-1, 1]; None where there is no figure."""
    by_task: dict[str, list[tuple[Trial, TrialOutcome]]] = defaultdict(list)
    for trial, outcome in outcomes.items():
        by_task[trial.task.name].append((trial, outcome))
    return [_row(name, pairs, drop_leaks) for name, pairs in by_task.items()]


def _row(name: str, pairs: Sequence[tuple[Trial, TrialOutcome]], drop_leaks: bool) -> dict[str, Any]:
    metric = pairs[0][0].task.metric
    good = [outcome for _, outcome in pairs if outcome.status != "failed"]
    values = [outcome.scores[metric] for outcome in good]
    row = {
        "task": name,
        "metric": metric,
        "mean": float(np.mean(values)) if values else None,
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "seeds": len(good),
        "of": len(pairs),
        "remarks": _remarks(pairs),
    }
    if drop_leaks:
        rest = [outcome.scores.get(f"{metric}_without_leaks", outcome.scores[metric]) for outcome in good]
        row["without_leaks"] = float(np.mean(rest)) if rest else None
    return row


def score_table(rows: Sequence[Mapping[str, Any]], drop_leaks: bool) -> Any:
    """Lay the rows out for a terminal, times 100."""
    table = Table(title=None, caption="scores x 100")
    for column in ("task", "metric", "mean", "std", "seeds", "remarks"):
        table.add_column(column, justify="right" if column in ("mean", "std", "seeds") else "left")
    if drop_leaks:
        table.add_column("without leaks", justify="right")
    for row in rows:
        figures = [row["mean"], row["std"]] + ([row["without_leaks"]] if drop_leaks else [])
        mean, std, *rest = ("-" if value is None else shown(value) for value in figures)
        seeds = f"{row['seeds']}/{row['of']}"
        metric = METRICS[row["metric"]].title
        table.add_row(row["task"], metric, mean, std, seeds, "; ".join(row["remarks"]), *rest)
    return table


def _remarks(pairs: Sequence[tuple[Trial, TrialOutcome]]) -> list[str]:
    outcomes = [outcome for _, outcome in pairs]
    remarks = []
    collapsed = [outcome.seed for outcome in outcomes if outcome.status == "collapsed"]
    failed = [outcome.seed for outcome in outcomes if outcome.status == "failed"]
    if collapsed:
        remarks.append(f"one class only in seed {', '.join(map(str, collapsed))}")
    if failed:
        remarks.append(f"failed: seed {', '.join(map(str, failed))}")
    if any(outcome.dev_as_train for outcome in outcomes):
        remarks.append("trained on dev")
    cut = max(pairs, key=lambda pair: sum(pair[1].truncated.values()))
    return remarks + _cut_rows(*cut)


def _cut_rows(trial: Trial, outcome: TrialOutcome) -> list[str]:
    """Say how many rows of how many lost their end, and behind how many tokens."""
    splits = (outcome.audit or {}).get("splits", {})
    cut = [
        f"{count:,} of {splits[split]['rows']:,} {split} rows"
        if split in splits
        else f"{count:,} {split} rows"
        for split, count in outcome.truncated.items()
        if count
    ]
    return [f"cut at {trial.max_length} tokens: {', '.join(cut)}"] if cut else []
