"""The report of a fine-tuning: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from dnamask_plugins.files import write_atomically
from dnamask_plugins.results.finetuning import figures
from dnamask_plugins.results.finetuning.outcome import FinetuneOutcome, read_outcome

REPORT_FILE: Final = "report.html"
_MOST_MISTAKES: Final = 20
_LONGEST_SHOWN: Final = 400


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into the output folder of a fine-tuning, from the files that are there.

    Parameters
    ----------
    folder : Path
        Output of ``dnamask finetune``.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        The folder is none, or the fine-tuning is not finished.
    """
    outcome = read_outcome(folder)
    templates = Environment(
        loader=PackageLoader("dnamask_plugins.results.finetuning", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    path = folder / REPORT_FILE
    write_atomically(path, templates.get_template("report.html.j2").render(**_content(outcome)))
    return path


def _content(outcome: FinetuneOutcome) -> dict[str, Any]:
    summary = outcome.summary
    metric = str(summary["metric"])
    drawn: list[tuple[str, str, str]] = []
    curves = figures.learning_curves(outcome, metric)
    if curves is not None:
        drawn.append(("Learning curves", curves, ""))
    if outcome.kind == "regression":
        drawn.append(("Predicted and true", figures.regression(outcome), ""))
    else:
        drawn += _figures_of_classes(outcome)
    note = "bars: rows in bins of equal size, with 95% intervals; dotted: all rows"
    drawn.append(("Length and GC content", figures.dependence(outcome), note))
    order = list(figures.order_of_mistakes(outcome))
    return {
        "task": summary.get("task", "task"),
        "model": summary.get("model", ""),
        "data": summary.get("data", ""),
        "metric": metric,
        "seed": summary.get("chosen_seed"),
        "chosen_by": summary.get("chosen_by", ""),
        "rows": [_row(row) for row in summary["rows"]],
        "score_names": sorted({name for row in summary["rows"] for name in row.get("scores", {})}),
        "beaten": _beaten(summary),
        "figures": [
            {"title": title, "svg": Markup(svg), "note": note}  # made here, by matplotlib
            for title, svg, note in drawn
        ],
        "tests": len(outcome),
        "wrong": None if outcome.kind == "regression" else len(order),
        "kind": outcome.kind,
        "mistakes": [_mistake(outcome, row) for row in order[:_MOST_MISTAKES]],
    }


def _figures_of_classes(outcome: FinetuneOutcome) -> list[tuple[str, str, str]]:
    drawn = []
    if outcome.kind == "classification":
        drawn.append(("Confusion", figures.confusion(outcome), ""))
    curves = figures.roc_and_pr(outcome)
    if curves is not None:
        one = f"positive: {outcome.classes[1]}; " if len(outcome.classes) == 2 else "each against the rest; "
        drawn.append(("ROC and precision-recall", curves, f"{one}dotted: guessing"))
    calibrated, error = figures.calibration(outcome)
    note = (
        f"expected calibration error {error:.3f}; on the dotted line, answers are as often right as they say"
    )
    drawn.append(("Calibration", calibrated, note))
    return drawn


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": row["model"],
        "mean": None if row["mean"] is None else 100 * row["mean"],
        "std": None if row.get("std") is None else 100 * row["std"],
        "seeds": row["seeds"],
        "scores": {name: 100 * value for name, value in row.get("scores", {}).items()},
    }


def _beaten(summary: Mapping[str, Any]) -> list[str]:
    """Return the floors that the model is not above."""
    model, *floors = summary["rows"]
    return [
        str(floor["model"])
        for floor in floors
        if model["mean"] is not None and floor["mean"] is not None and model["mean"] <= floor["mean"]
    ]


def _mistake(outcome: FinetuneOutcome, row: int) -> dict[str, Any]:
    sequence = outcome.sequences[row]
    gc = outcome.gc[row]
    return {
        "name": outcome.names[row],
        "length": len(sequence),
        "gc": "" if np.isnan(gc) else f"{gc:.0%}",
        "truth": _said(outcome, outcome.truth[row]),
        "answer": _answer(outcome, row),
        "sequence": sequence[:_LONGEST_SHOWN],
        "cut": len(sequence) > _LONGEST_SHOWN,
    }


def _said(outcome: FinetuneOutcome, value: Any) -> str:
    if outcome.kind == "regression":
        return f"{value:.4g}"
    if outcome.kind == "classification":
        return outcome.classes[int(value)]
    names = [name for name, flag in zip(outcome.classes, value, strict=True) if flag]
    return ", ".join(names) or "none"


def _answer(outcome: FinetuneOutcome, row: int) -> str:
    if outcome.kind == "regression":
        return f"{outcome.answers[row]:.4g}"
    text = _said(outcome, outcome.predicted[row])
    if outcome.kind == "classification":
        return f"{text} ({outcome.answers[row].max():.3f})"
    return text
