"""Table and figure of each method alone, from its records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.confirmatory import methods
from benchmarks.confirmatory.pretraining import HERE, RECORDS, read_record
from benchmarks.confirmatory.study_tables import spread, table
from dnamask_plugins.files import read_toml


def method_curves(records: Path = RECORDS) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return form to arm to the records of its seeds."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for model in methods.models():
        record = read_record(model, records)
        if record is not None:
            found.setdefault(model.form, {}).setdefault(model.arm, []).append(record)
    return found


def methods_table(records: Path = RECORDS) -> str:
    """Write the last perplexities and CPU seconds of each method on each form."""
    forms, arms = read_toml(HERE / "forms.toml")["form"], read_toml(HERE / "methods.toml")["arm"]
    rows = []
    for form, by_arm in method_curves(records).items():
        for arm, found in by_arm.items():
            last = [each["evaluations"][-1] for each in found]
            letter = [each["nucleotide_perplexity"] for each in last]
            token = [each["perplexity"] for each in last]
            seconds = np.mean([each["cpu_seconds"] for each in found])
            rows.append(
                [
                    forms[form]["title"],
                    arms[arm]["title"],
                    str(last[0]["step"]),
                    str(len(found)),
                    spread(letter, 3),
                    spread(token, 1),
                    f"{seconds:.0f}",
                ]
            )
    head = ["model", "arm", "steps", "seeds", "per nucleotide", "per token", "CPU s"]
    return f"{table(head, rows)}\n\n{_methods_missing(records)}"


def _methods_missing(records: Path) -> str:
    """Name the runs of `methods.toml` that were not made."""
    missing: dict[str, dict[str, list[str]]] = {}
    for model in methods.models():
        if read_record(model, records) is None:
            missing.setdefault(model.form, {}).setdefault(model.arm, []).append(str(model.seed))
    if not missing:
        return "Every run of the plan was made."
    forms = (
        f"{form}: " + ", ".join(f"{arm} ({' '.join(seeds)})" for arm, seeds in by_arm.items())
        for form, by_arm in missing.items()
    )
    return f"Planned and not run, seeds in brackets: {'; '.join(forms)}."


def draw_methods(path: Path, records: Path = RECORDS) -> None:
    """Draw perplexity per nucleotide against steps, a panel a form, a line an arm, thin lines for seeds."""
    from matplotlib.figure import Figure

    forms, arms = read_toml(HERE / "forms.toml")["form"], read_toml(HERE / "methods.toml")["arm"]
    curves = method_curves(records)
    colours = dict(zip(arms, ("#777777", "#c4622d", "#3465a4", "#7aa6c2", "#4e9a06", "#a05fb4"), strict=True))
    columns = min(3, max(len(curves), 1))
    lines = -(-max(len(curves), 1) // columns)
    figure = Figure(figsize=(4 * columns, 3.3 * lines + 0.4), dpi=110, layout="constrained")
    axes = np.atleast_1d(figure.subplots(lines, columns)).ravel()
    for axis, (form, by_arm) in zip(axes, curves.items(), strict=False):
        for arm, found in by_arm.items():
            steps = [row["step"] for row in found[0]["evaluations"]]
            seeds = [[row["nucleotide_perplexity"] for row in each["evaluations"]] for each in found]
            for each in seeds if len(seeds) > 1 else []:
                axis.plot(steps, each, color=colours[arm], lw=0.6, alpha=0.5)
            axis.plot(steps, np.mean(seeds, axis=0), color=colours[arm], lw=1.8, label=arms[arm]["title"])
        axis.axhline(4, color="#bbbbbb", lw=0.8, ls=":")
        axis.set_title(forms[form]["title"].split(":")[0], loc="left", fontsize=9)
        axis.set_xlabel("optimizer step", fontsize=8)
        axis.set_ylabel("perplexity per nucleotide", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[len(curves) :]:
        axis.set_axis_off()
    shown = {
        label: line for axis in axes for line, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(shown.values()), list(shown), loc="outside lower center", ncols=3, frameon=False, fontsize=8
    )
    figure.savefig(path, format="png")
