"""The report of a fine-tuning: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from dnamask_plugins.files import write_atomically
from dnamask_plugins.results.finetuning import plots
from dnamask_plugins.results.finetuning.output import FinetuneOutput, read_output

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
    output = read_output(folder)
    templates = Environment(
        loader=PackageLoader("dnamask_plugins.results.finetuning", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    path = folder / REPORT_FILE
    write_atomically(path, templates.get_template("report.html.j2").render(**_content(output)))
    return path


def _content(output: FinetuneOutput) -> dict[str, Any]:
    summary = output.summary
    metric = str(summary["metric"])
    drawn: list[tuple[str, str, str]] = []
    curves = plots.learning_curves(output, metric)
    if curves is not None:
        drawn.append(("Learning curves", curves, ""))
    if output.kind == "regression":
        drawn.append(("Predicted and true", plots.regression(output), ""))
    else:
        drawn += _plots_of_classes(output)
    note = "bars: rows in bins of equal size, with 95% intervals; dotted: all rows"
    drawn.append(("Length and GC content", plots.dependence(output), note))
    order = list(plots.order_of_mistakes(output))
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
        "tests": len(output),
        "wrong": None if output.kind == "regression" else len(order),
        "kind": output.kind,
        "mistakes": [_mistake(output, row) for row in order[:_MOST_MISTAKES]],
    }


def _plots_of_classes(output: FinetuneOutput) -> list[tuple[str, str, str]]:
    drawn = []
    if output.kind == "classification":
        drawn.append(("Confusion", plots.confusion(output), ""))
    curves = plots.roc_and_pr(output)
    if curves is not None:
        one = f"positive: {output.classes[1]}; " if len(output.classes) == 2 else "each against the rest; "
        drawn.append(("ROC and precision-recall", curves, f"{one}dotted: guessing"))
    calibrated, error = plots.calibration(output)
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


def _mistake(output: FinetuneOutput, row: int) -> dict[str, Any]:
    sequence = output.sequences[row]
    gc = output.gc[row]
    return {
        "name": output.names[row],
        "length": len(sequence),
        "gc": "" if np.isnan(gc) else f"{gc:.0%}",
        "truth": _said(output, output.truth[row]),
        "answer": _answer(output, row),
        "sequence": sequence[:_LONGEST_SHOWN],
        "cut": len(sequence) > _LONGEST_SHOWN,
    }


def _said(output: FinetuneOutput, value: Any) -> str:
    if output.kind == "regression":
        return f"{value:.4g}"
    if output.kind == "classification":
        return output.classes[int(value)]
    names = [name for name, flag in zip(output.classes, value, strict=True) if flag]
    return ", ".join(names) or "none"


def _answer(output: FinetuneOutput, row: int) -> str:
    if output.kind == "regression":
        return f"{output.answers[row]:.4g}"
    text = _said(output, output.predicted[row])
    if output.kind == "classification":
        return f"{text} ({output.answers[row].max():.3f})"
    return text
