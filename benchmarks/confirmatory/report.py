"""Writes the page from the records, and from nothing else: ``python -m benchmarks.confirmatory.report``.

What stands between ``<!-- NAME -->`` and ``<!-- /NAME -->`` in README.md is made here; a test makes it again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.confirmatory import full_size, gate0, methods
from benchmarks.confirmatory.finetuning import PROBE, read_results
from benchmarks.confirmatory.methods_tables import draw_methods, methods_table
from benchmarks.confirmatory.outcomes import departures, dev_table, figures, final_perplexity
from benchmarks.confirmatory.pretraining import HERE, RECORDS, read_record
from benchmarks.confirmatory.registration import Registration
from benchmarks.confirmatory.study_tables import (
    arms_table,
    cpu_seconds,
    draw,
    looked_at_table,
    spread,
    switches_table,
    table,
    task_seconds,
    tasks_table,
)
from benchmarks.confirmatory.verdict import judge
from dnamask_plugins.files import write_atomically

PAGE = HERE / "README.md"


def state(registration: Registration, records: Path = RECORDS) -> str:
    """Say in a few lines how far the study has come."""
    wanted = methods.models()
    made = sum(read_record(model, records) is not None for model in wanted)
    lines = [f"- Methods alone: {made} of {len(wanted)} runs."]
    known = dev_table(records)
    for stage in gate0.TABLE["stage"][1:]:
        listed = list(gate0.attempts(stage, gate0.chosen_recipe(records) or (0.0, "open")))
        there = sum(attempt.key in known.get(label, {}) for label, attempt in listed)
        if listed:
            lines.append(f"- Gate 0, {stage['name'].replace('_', ' ')}: {there} of {len(listed)} figures.")
    if not registration.is_registered:
        lines.append(
            "- **The registration is a draft.** No claim has been tested and no other arm was trained."
        )
        return "\n".join(lines)
    scores = figures(registration, records)
    whole, listed = sum(map(len, scores.values())), len(list(registration.models()))
    lines.append(f"- Registered (`{registration.fingerprint}`): {whole} of {listed} models, all tasks.")
    complete = len(registration.complete_seeds(scores))
    lines.append(f"- Seeds with every arm of every claim: {complete}, of {len(registration.seeds)} at most.")
    pretraining = sum(sum(each) for each in cpu_seconds(registration, records).values())
    tasks = task_seconds(registration, records)
    lines.append(f"- CPU seconds: {pretraining:,.0f} of pretraining, {tasks:,.0f} of tasks.")
    return "\n".join(lines)


def verdicts(registration: Registration, records: Path = RECORDS) -> str:
    """Write the table of claims."""
    if not registration.is_registered:
        rows = [[claim["name"], claim["text"], "draft: not tested"] for claim in registration.claims]
        return table(["", "claim, as drafted", "verdict"], rows)
    scores = figures(registration, records)
    found = judge(
        registration.claims,
        registration.decided_seeds(scores),
        scores,
        final_perplexity(registration, records),
        registration.left_out,
    )
    rows = [
        [
            each.claim,
            each.text,
            f"**{each.status}**",
            *map(_points, (each.difference, *(each.interval or (None, None)), each.detectable)),
            _p(each.p),
            _p(each.corrected),
            each.detail,
        ]
        for each in found
    ]
    head = ["", "claim", "verdict", "difference", "from", "to", "detectable", "p", "p (Holm)", ""]
    return table(head, rows)


def _points(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"


def _p(value: float | None) -> str:
    return "-" if value is None else "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def departures_list(registration: Registration, records: Path = RECORDS) -> str:
    """List the departures."""
    if not registration.is_registered:
        return "None is possible yet: nothing is registered."
    return "\n".join(f"- {line}" for line in departures(registration, records)) or "None."


def gate0_tables(records: Path = RECORDS) -> str:
    """Write Gate 0's figures on dev: the search, then floors and models under the recipe that was chosen."""
    return "\n\n".join(
        [_search_table(records), _confirm_table(records), gate0.rule(records), _probe_table(records)]
    )


def _probe_table(records: Path) -> str:
    tasks, rows = gate0.TABLE["tasks"], []
    for probe, by_label in gate0.probe_table(records).items():
        for label, by_task in by_label.items():
            means = [float(np.mean(by_task[task])) for task in tasks if task in by_task]
            seeds = np.mean([by_task[task] for task in tasks], axis=0)
            title = gate0.TABLE["model"][label]["title"]
            rows.append([probe, title, *(f"{mean:.3f}" for mean in means), spread(seeds, 3), ""])
        rows[-3][-1] = str(sum(gain >= 0.05 for gain in gate0.probe_gains(by_label)))
    head = ["frozen, ridge", "model", *tasks, "mean of seeds", "tasks with 5 points"]
    return f"{table(head, rows)}\n\nChosen: `{gate0.chosen_probe(records)}`."


def _search_table(records: Path) -> str:
    known, rows = dev_table(records), []
    stages = [
        each for each in gate0.TABLE["stage"] if each["name"].startswith("search") or each["name"] == "probe"
    ]
    tasks = list(dict.fromkeys(task for stage in stages for task in stage["tasks"]))
    for stage in stages:
        for label in stage["models"]:
            recipes: dict[str, dict[str, float]] = {}
            for each, attempt in gate0.attempts(stage, None):
                if each == label and attempt.key in known.get(label, {}):
                    frozen = attempt.head == PROBE
                    recipe = "frozen, linear" if frozen else f"{attempt.learning_rate:g}, {attempt.head}"
                    recipes.setdefault(recipe, {})[attempt.task] = known[label][attempt.key]["mcc"]
            title = gate0.TABLE["model"][label]["title"]
            for recipe, by_task in recipes.items():
                shown = [f"{by_task[task]:.3f}" if task in by_task else "-" for task in tasks]
                rows.append([title, recipe, *shown])
    return table(["model", "learning rate, head", *tasks], rows)


def _confirm_table(records: Path) -> str:
    tasks, known = gate0.TABLE["tasks"], dev_table(records)
    stage = next(each for each in gate0.TABLE["stage"] if each["name"] == "confirm")
    rows = []
    floors = read_results(records / "gate0" / "floors.json")
    for name in gate0.TABLE["floors"]:
        keys = [f"{name} {task} rows={gate0.TABLE['train_rows']}" for task in tasks]
        rows.append(
            [f"floor: {name}", "", *(f"{floors[k]['mcc']:.3f}" if k in floors else "-" for k in keys)]
        )
    chosen = gate0.chosen_recipe(records)
    for label in stage["models"] if chosen else []:
        values: dict[str, list[float]] = {}
        for each, attempt in gate0.attempts(stage, chosen):
            if each == label and attempt.key in known.get(label, {}):
                values.setdefault(attempt.task, []).append(known[label][attempt.key]["mcc"])
        shown = [
            f"{np.mean(values[task]):.3f} ({len(values[task])})" if task in values else "-" for task in tasks
        ]
        rows.append([gate0.TABLE["model"][label]["title"], f"{chosen[0]:g}, {chosen[1]}", *shown])  # type: ignore[index]
    return table(["model", "recipe", *tasks], rows)


def simulation_table(records: Path = RECORDS) -> str:
    """Write what the verdict's simulation gave."""
    path = records / "simulation.json"
    if not path.is_file():
        return "Not simulated yet."
    content = json.loads(path.read_text())
    names = list(content["rows"][0]["shown"])
    rows = [
        [
            f"{row['spread']:g}",
            str(row["seeds"]),
            f"{100 * row['gain']:g}",
            *(f"{row['shown'][name]:.3f}" for name in names),
            "" if row["any"] is None else f"{row['any']:.3f}",
        ]
        for row in content["rows"]
    ]
    head = ["spread", "seeds", "points beyond the claim's edge", *names, "any claim, all at their edge"]
    return f"{content['draws']:,} simulated studies a row.\n\n{table(head, rows)}"


def parts(registration: Registration, records: Path = RECORDS) -> Mapping[str, str]:
    """Return everything that is generated, by the name of its place in the page."""
    return {
        "state": state(registration, records),
        "verdicts": verdicts(registration, records),
        "departures": departures_list(registration, records),
        "arms": arms_table(registration, records),
        "tasks": tasks_table(registration, records),
        "looked_at": looked_at_table(registration, records),
        "switches": switches_table(registration, records),
        "gate0": gate0_tables(records),
        "methods": methods_table(records),
        "simulation": simulation_table(records),
        **full_size_parts(records),
    }


def full_size_parts(records: Path = RECORDS) -> dict[str, str]:
    """Return what is generated about the study at the papers' size."""
    registration = Registration.read(full_size.FILE)
    rates = [
        [f"{rate:g}", f"{last['perplexity']:,.0f}", f"{last['nucleotide_perplexity']:.3f}"]
        for rate, model in full_size.calibration(registration)
        if (record := read_record(model, records)) is not None
        for last in record["evaluations"][-1:]
    ]
    return {
        "full_size_calibration": table(["learning rate", "per token", "per nucleotide"], rates),
        "full_size_verdicts": verdicts(registration, records),
        "full_size_departures": departures_list(registration, records),
        "full_size_arms": arms_table(registration, records),
        "full_size_tasks": tasks_table(registration, records),
        "full_size_switches": switches_table(registration, records),
    }


def fill(page: str, content: Mapping[str, str]) -> str:
    """Put the generated parts into their places."""
    for name, text in content.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"the page has no place for {name}")
        page = pattern.sub(lambda match, text=text: f"{match.group(1)}{text}\n{match.group(2)}", page)
    return page


def main() -> None:
    registration = Registration.read()
    write_atomically(PAGE, fill(PAGE.read_text(), parts(registration)))
    draw_methods(HERE / "figures" / "methods.png")
    for each, name in ((registration, "study"), (Registration.read(full_size.FILE), "full_size")):
        if figures(each):
            draw(HERE / "figures" / f"{name}.png", each)


if __name__ == "__main__":
    main()
