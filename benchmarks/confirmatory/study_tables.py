"""Tables and the figure of the registered study, from its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.confirmatory.finetuning import read_results
from benchmarks.confirmatory.outcomes import (
    figures,
    final_perplexity,
    floor_key,
    floors_path,
    results_path,
    task_figures,
)
from benchmarks.confirmatory.pretraining import RECORDS, read_record
from benchmarks.confirmatory.registration import Registration
from benchmarks.confirmatory.verdict import spread_of_difference


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def spread(values: Sequence[float], digits: int) -> str:
    """Write a mean with the standard deviation between seeds; a dash for none."""
    if len(values) == 0:
        return "-"
    mean = f"{np.mean(values):,.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {np.std(values, ddof=1):,.{digits}f}"


def floors(
    registration: Registration, records: Path = RECORDS, figure: str = "mcc"
) -> dict[str, dict[str, float]]:
    """Return floor to task to MCC (or another figure), where it was measured."""
    results, rows = read_results(floors_path(records)), registration.content["train_rows"]
    found: dict[str, dict[str, float]] = {}
    for name in registration.content["floors"]:
        for task in registration.content["tasks"]:
            key = floor_key(name, task, rows)
            if figure in results.get(key, {}):
                found.setdefault(name, {})[task] = results[key][figure]
    return found


def cpu_seconds(registration: Registration, records: Path = RECORDS) -> dict[str, list[float]]:
    """Return arm to the CPU seconds of its pretrainings."""
    found: dict[str, list[float]] = {}
    for model in registration.models():
        record = None if model.untrained else read_record(model, records)
        if record is not None:
            found.setdefault(model.arm, []).append(record["cpu_seconds"])
    return found


def task_seconds(registration: Registration, records: Path = RECORDS) -> float:
    """Return the CPU seconds that were spent on tasks."""
    return sum(
        figures["cpu_seconds"]
        for model in registration.models()
        for figures in read_results(results_path(model, records)).values()
    )


def arms_table(registration: Registration, records: Path = RECORDS) -> str:
    """Write each arm's outcome and what is described beside it, floors first."""
    tasks = registration.content["tasks"]
    few_floors = floors(registration, records, "few_mcc")
    rows = []
    for name, by_task in floors(registration, records).items():
        if len(by_task) == len(tasks):
            few_of = list(few_floors.get(name, {}).values())
            rows.append([f"floor: {name}", "", f"{np.mean(list(by_task.values())):.3f}"])
            rows[-1] += [f"{np.mean(few_of):.3f}" if few_of else "", "", "", ""]
    mcc, few = figures(registration, records), figures(registration, records, "few_mcc")
    letter = final_perplexity(registration, records, "nucleotide_perplexity")
    token, cpu = final_perplexity(registration, records), cpu_seconds(registration, records)
    for arm, chosen in registration.content["arm"].items():
        if arm in mcc:
            each = [list(source.get(arm, {}).values()) for source in (mcc, few, letter, token)]
            shown = [spread(values, digits) for values, digits in zip(each, (3, 3, 3, 1), strict=True)]
            rows.append([chosen["title"], str(len(each[0])), *shown, spread(cpu.get(arm, []), 0)])
    head = ["arm", "seeds", "MCC", "MCC, 64 rows a class", "per nucleotide", "per token", "CPU s"]
    return table(head, rows)


def tasks_table(registration: Registration, records: Path = RECORDS) -> str:
    """Write each arm's mean MCC on every task, floors first."""
    tasks = registration.content["tasks"]
    rows = [
        [f"floor: {name}", *(f"{by_task[task]:.3f}" if task in by_task else "-" for task in tasks)]
        for name, by_task in floors(registration, records).items()
    ]
    found = task_figures(registration, records)
    for arm, chosen in registration.content["arm"].items():
        if arm in found:
            values = [[by_task[task] for by_task in found[arm].values()] for task in tasks]
            rows.append([chosen["title"], *(f"{np.mean(each):.3f}" for each in values)])
    return table(["arm", *tasks], rows)


ONE_TASK = "prom/prom_core_tata"
"""Where arms differ most; differences are shown without it as well."""

LOOKED_AT = (
    ("unknown_letters", "span"), ("unknown_letters", "span_5000"), ("genemask", "span"),
    ("cm_gems", "genemask"), ("cm_step", "span"), ("span", "span_plain"), ("span", "untrained_spelled"),
)  # fmt: skip


def _differences(one: Sequence[float], other: Sequence[float]) -> str:
    from scipy import stats

    error, freedom = spread_of_difference(one, other)
    half = error * float(stats.t.ppf(0.975, freedom))
    difference = float(np.mean(one) - np.mean(other))
    return f"{difference:+.3f} ({difference - half:+.3f} to {difference + half:+.3f})"


def looked_at_table(registration: Registration, records: Path = RECORDS) -> str:
    """Write differences that no claim is about, with 95% intervals: all tasks, all but one, few rows."""
    whole, few = task_figures(registration, records), task_figures(registration, records, "few_mcc")

    def means(found: Mapping[str, Mapping[int, Mapping[str, float]]], arm: str, without: str) -> list[float]:
        return [
            float(np.mean([value for task, value in by_task.items() if task != without]))
            for by_task in found[arm].values()
        ]

    rows = []
    for one, other in LOOKED_AT:
        if all(len(whole.get(arm, {})) > 1 for arm in (one, other)):
            kinds = ((whole, ""), (whole, ONE_TASK), (few, ""))
            shown = [
                _differences(means(found, one, without), means(found, other, without))
                for found, without in kinds
            ]
            rows.append([f"{one} - {other}", *shown])
    return table(["arms", "MCC", f"without {ONE_TASK.partition('/')[2]}", "64 rows a class"], rows)


def switches_table(registration: Registration, records: Path = RECORDS) -> str:
    """Write when each run of a curriculum that decides for itself went on; "never" where it did not."""
    rows = []
    for arm, chosen in registration.content["arm"].items():
        if chosen.get("curriculum", {}).get("name") not in ("cm_gems", "unknown_letters"):
            continue
        models = (registration.model(arm, seed) for seed in registration.seeds_of(arm))
        made = [(model.seed, record) for model in models if (record := read_record(model, records))]
        if made:
            rows.append([chosen["title"], "; ".join(f"{seed}: {_switches(each)}" for seed, each in made)])
    return table(["arm", "seed: steps at which it went on"], rows)


def _switches(record: Mapping[str, Any]) -> str:
    state = record["curriculum_state"]
    steps = state.get("began", [0])[1:] if "began" in state else [state.get("switch_step")]
    # A switch at the last evaluation comes when training is over.
    known = [str(step) for step in steps if step is not None and step < record["steps"]]
    return ", ".join(known) or "never"


GROUPS: Mapping[str, str] = {
    "references": "#666666",
    "published maskings": "#3465a4",
    "ours, and its control": "#c4622d",
    "other tokens": "#75507b",
}


def _group(arm: str, chosen: Mapping[str, Any]) -> str:
    if "form" in chosen:
        return "other tokens"
    if chosen["title"].startswith("ours") or "of ours" in chosen["title"]:
        return "ours, and its control"
    references = chosen.get("untrained") or chosen["curriculum"].get("strategy") == "span"
    return "references" if references else "published maskings"


def draw(path: Path, registration: Registration, records: Path = RECORDS) -> None:
    """Draw every seed of every arm on the outcome's axis, means with 95% intervals, floors as lines."""
    from matplotlib.figure import Figure
    from scipy import stats

    mcc = figures(registration, records)
    titles = {arm: chosen["title"] for arm, chosen in registration.content["arm"].items() if arm in mcc}
    group = {arm: _group(arm, registration.content["arm"][arm]) for arm in titles}
    arms = sorted(titles, key=lambda arm: list(GROUPS).index(group[arm]))
    figure = Figure(figsize=(9, 0.34 * len(arms) + 1.1), dpi=110, layout="constrained")
    axis = figure.subplots()
    for place, arm in enumerate(arms):
        values, colour = np.array(list(mcc[arm].values())), GROUPS[group[arm]]
        axis.scatter(values, np.full(len(values), place), s=16, color=colour, alpha=0.45, linewidths=0)
        if len(values) > 1:
            half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
            axis.errorbar(values.mean(), place, xerr=half, fmt="|", ms=11, color=colour, lw=1.6, capsize=0)
    means = [
        (float(np.mean(list(by_task.values()))), name)
        for name, by_task in floors(registration, records).items()
        if len(by_task) == len(registration.content["tasks"])
    ]
    for number, (mean, name) in enumerate(sorted(means)):
        axis.axvline(mean, color="#4e9a06", lw=1, ls=":")
        height = -0.9 + 0.4 * (number % 2)
        axis.text(mean, height, f"{name} ", color="#4e9a06", fontsize=8, ha="right", va="center")
    axis.set_yticks(range(len(arms)), [titles[arm] for arm in arms], fontsize=8)
    for label, arm in zip(axis.get_yticklabels(), arms, strict=True):
        label.set_color(GROUPS[group[arm]])
    axis.set_ylim(len(arms) - 0.4, -1)
    axis.set_xlabel("mean MCC over eight tasks, linear probe on frozen states (each dot a seed)", fontsize=8)
    axis.tick_params(axis="x", labelsize=8)
    axis.grid(axis="x", color="#eeeeee")
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    figure.savefig(path, format="png")
