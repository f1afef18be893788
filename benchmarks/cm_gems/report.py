"""Tables and figures from the records, and from nothing else: ``python -m benchmarks.cm_gems.report``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cm_gems.comparing import (
    Records,
    RowTest,
    SeedTest,
    holm,
    mean_loss,
    mean_score,
    over_rows,
    over_seeds,
    spread,
)
from benchmarks.cm_gems.study import HERE, Table
from dnamask_plugins.files import write_atomically

BASELINE = "span"
OURS = ("learning_gain", "global_soft")
Measure = Callable[[Mapping[str, Any]], float]
SMALLEST_P = 0.05
SEEDS = 3
"""The pre-registered rule is about three seeds; fewer decide nothing."""


def load(folder: Path, order: Sequence[str]) -> dict[str, dict[int, dict[str, Any]]]:
    """Read the measured records of a table: arm to seed to record, arms in the configuration's order."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text())
        if "measure" in record["stages"]:
            found.setdefault(record["arm"], {})[record["seed"]] = record
    return {arm: dict(sorted(found[arm].items())) for arm in order if arm in found}


def by_seed(records: Records, measure: Measure) -> dict[int, float]:
    return {seed: measure(record) for seed, record in records.items()}


def loss_of(record: Mapping[str, Any]) -> float:
    return mean_loss(record["loss"])


def probe_of(record: Mapping[str, Any]) -> float:
    return mean_score(record["probe"])


def has(records: Records, field: str) -> bool:
    return any(record.get(field) for record in records.values())


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join("---" for _ in header) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def main_table(arms: Mapping[str, Records]) -> str:
    """One row per arm: held-out loss, probe, few-shot, fine-tuning, seeds, cost."""
    rows = []
    shots = sorted(
        {s for a in arms.values() for r in a.values() for s in r["fewshot"].get("accuracy", {})}, key=int
    )
    for records in arms.values():
        first = next(iter(records.values()))
        row = [first["title"], str(len(records))]
        row.append(spread(list(by_seed(records, loss_of).values())))
        row.append(spread(list(by_seed(records, probe_of).values())))
        for count in shots:
            values = [float(np.mean(r["fewshot"]["accuracy"][count])) for r in records.values()]
            row.append(spread(values))
        tuned = [mean_score(r["finetune"]) for r in records.values() if r.get("finetune")]
        row.append(spread(tuned) if tuned else "-")
        seconds = [r["cpu_seconds"].get("pretrain", 0.0) for r in records.values()]
        row.append("-" if first["masks"] is None else f"{float(np.mean(seconds)):.0f}")
        rows.append(row)
    header = ["arm", "seeds", "held-out loss, mean of six masks", "probe, mean MCC"]
    header += [f"{count}-shot accuracy" for count in shots]
    return markdown([*header, "fine-tuned, mean MCC", "CPU s"], rows)


def losses_table(
    arms: Mapping[str, Records], field: Callable[[Mapping[str, Any]], Any] = lambda r: r["loss"]
) -> str:
    """Held-out loss of each arm under each mask, mean over seeds; the least of a column is bold."""
    masks = list(field(next(iter(next(iter(arms.values())).values()))))
    means = np.array(
        [[np.mean([field(r)[mask] for r in records.values()]) for mask in masks] for records in arms.values()]
    )
    best = means.argmin(axis=0)
    rows = [
        [
            next(iter(records.values()))["title"],
            *(f"**{v:.3f}**" if best[c] == number else f"{v:.3f}" for c, v in enumerate(means[number])),
        ]
        for number, records in enumerate(arms.values())
    ]
    return markdown(["arm", *masks], rows)


def probe_table(arms: Mapping[str, Records], field: str) -> str:
    """MCC of each arm on each task, without leaked rows."""
    tasks = list(next(r[field] for a in arms.values() for r in a.values() if r.get(field)))
    rows = []
    for records in arms.values():
        done = [r[field] for r in records.values() if r.get(field)]
        if done:
            values = [spread([each[task]["mcc_without_leaks"] for each in done]) for task in tasks]
            rows.append([next(iter(records.values()))["title"], str(len(done)), *values])
    return markdown(["arm", "seeds", *tasks], rows)


def masks_table(arms: Mapping[str, Records]) -> str:
    """Describe what was predicted in training, from the masks themselves."""
    rows = []
    for records in arms.values():
        facts = [r["masks"] for r in records.values() if r["masks"]]
        if not facts:
            continue
        first = next(iter(records.values()))
        switches = [r["pretraining"]["switch_step"] for r in records.values() if r["pretraining"]]
        switching = first["settings"]["curriculum"]["name"] == "cm_gems"

        def mean(key: str, facts: Sequence[Mapping[str, Any]] = facts) -> float:
            return float(np.mean([fact[key] for fact in facts if fact[key] is not None] or [np.nan]))

        rows.append(
            [
                first["title"],
                f"{mean('predicted_tokens_per_step'):.0f}",
                f"{mean('token_rate'):.3f}",
                f"{mean('hidden_nucleotides'):.3f}",
                f"{mean('high_npmi_share'):.3f}".replace("nan", "-"),
                f"{mean('distinct_tokens'):.0f} of {facts[0]['possible_tokens']}",
                f"{mean('distinct_hidden_6mers'):.0f}",
                ", ".join(str(step or "never") for step in switches) if switching else "",
            ]
        )
    header = ["arm", "tokens predicted a step", "of all tokens", "nucleotides truly hidden"]
    header += ["hidden 6-mers in the top tenth by NPMI", "distinct tokens predicted"]
    return markdown([*header, "distinct 6-mers hidden whole", "switch at step, by seed"], rows)


def tests_table(arms: Mapping[str, Records], baseline: str) -> tuple[str, dict[str, Any]]:
    """Every arm against one, over seeds and over rows; the verdicts follow the pre-registered rule."""
    others = [arm for arm in arms if arm != baseline]
    base = arms[baseline]
    losses = {a: over_seeds(by_seed(arms[a], loss_of), by_seed(base, loss_of)) for a in others}
    probes = {a: over_seeds(by_seed(arms[a], probe_of), by_seed(base, probe_of)) for a in others}
    tuned = {a: over_seeds(_tuned(arms[a]), _tuned(base)) for a in others}
    loss_p, probe_p = holm({a: t.p for a, t in losses.items()}), holm({a: t.p for a, t in probes.items()})
    rows, facts = [], {}
    for arm in others:
        probe_rows = over_rows(arms[arm], base, "probe")
        tuned_rows = over_rows(arms[arm], base, "finetune")
        verdicts = {
            "loss": _by_seeds(losses[arm], loss_p[arm]),
            "probe": _by_rows(probes[arm], probe_rows),
            "finetune": _by_rows(tuned[arm], tuned_rows),
        }
        rows.append(
            [
                next(iter(arms[arm].values()))["title"],
                _seed_cell(losses[arm], loss_p[arm]),
                verdicts["loss"],
                _seed_cell(probes[arm], probe_p[arm]),
                _row_cell(probe_rows),
                verdicts["probe"],
                _row_cell(tuned_rows),
                verdicts["finetune"],
            ]
        )
        facts[arm] = {"loss": losses[arm].mean, "probe": probes[arm].mean, "verdicts": verdicts}
    header = [
        "arm",
        "loss, by seed (p)",
        "verdict",
        "probe MCC, by seed (p)",
        "probe, 95% over rows and seeds",
    ]
    return markdown([*header, "verdict", "fine-tuned, 95% over rows and seeds", "verdict"], rows), facts


def _tuned(records: Records) -> dict[int, float]:
    return {
        seed: mean_score(record["finetune"]) for seed, record in records.items() if record.get("finetune")
    }


def _by_seeds(test: SeedTest, p: float | None) -> str:
    if p is None or len(test.differences) < SEEDS:
        return "untested"
    return "no difference found" if p >= SMALLEST_P else "lower" if test.mean < 0 else "higher"


def _by_rows(seeds: SeedTest, rows: RowTest | None) -> str:
    if rows is None or len(seeds.differences) < SEEDS:
        return "untested"
    if rows.low <= 0 <= rows.high or not seeds.one_sign:
        return "no difference found"
    return "higher" if rows.mean > 0 else "lower"


def _seed_cell(test: SeedTest, p: float | None) -> str:
    values = ", ".join(f"{each:+.3f}" for each in test.differences)
    return f"{values} ({'-' if p is None else f'{p:.3f}'})"


def _row_cell(test: RowTest | None) -> str:
    return "-" if test is None else f"{test.mean:+.3f} [{test.low:+.3f}, {test.high:+.3f}]"


def draw_curve(arms: Mapping[str, Records], path: Path) -> None:
    """Sample efficiency: held-out loss and probe against steps; band = least and greatest seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 4.4), dpi=140, layout="constrained")
    axes = figure.subplots(1, 2)
    for number, (arm, records) in enumerate(arms.items()):
        if arm == "untrained":
            continue
        colour = f"C{number % 10}"
        style = "-" if number < 10 else "--"
        for axis, value in ((axes[0], _loss_point), (axes[1], _probe_point)):
            points: dict[int, list[float]] = {}
            for record in records.values():
                for step, figures in _points(record):
                    measured = value(figures)
                    if measured is not None:
                        points.setdefault(step, []).append(measured)
            if not points:
                continue
            steps = sorted(points)
            axis.plot(steps, [np.mean(points[s]) for s in steps], style, color=colour, lw=1.5, label=arm)
            axis.fill_between(
                steps,
                [min(points[s]) for s in steps],
                [max(points[s]) for s in steps],
                color=colour,
                alpha=0.08,
            )
    axes[0].set_ylabel("held-out loss, mean of six masks")
    axes[1].set_ylabel("probe MCC, tasks of the curve")
    for axis in axes:
        axis.set_xlabel("optimizer step")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=7)
    _save(figure, path)


def _points(record: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    points = [(point["step"], point) for point in record["curve"]]
    tasks = record["curve"][0]["probe"] if record["curve"] else {}
    last = {task: record["probe"][task]["mcc_without_leaks"] for task in tasks if task in record["probe"]}
    return [*points, (record["pretraining"]["steps"], {"loss": record["loss"], "probe": last})]


def _loss_point(point: Mapping[str, Any]) -> float | None:
    return mean_loss(point["loss"])


def _probe_point(point: Mapping[str, Any]) -> float | None:
    return float(np.mean(list(point["probe"].values()))) if point["probe"] else None


def draw_heat(arms: Mapping[str, Records], path: Path) -> None:
    """Held-out loss of each arm under each mask, minus the random span's under the same mask."""
    from matplotlib.figure import Figure

    shown = {arm: records for arm, records in arms.items() if arm != "untrained"}
    masks = list(next(iter(next(iter(shown.values())).values()))["loss"])
    means = np.array([[np.mean([r["loss"][m] for r in a.values()]) for m in masks] for a in shown.values()])
    relative = means - means[list(shown).index(BASELINE)]
    limit = max(float(np.abs(relative).max()), 1e-6)
    figure = Figure(figsize=(7.4, 0.42 * len(shown) + 1.7), dpi=140, layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(relative, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axis.set_xticks(range(len(masks)), masks, rotation=30, ha="right", fontsize=8)
    axis.set_yticks(range(len(shown)), list(shown), fontsize=8)
    for row, values in enumerate(relative):
        for column, value in enumerate(values):
            axis.text(column, row, f"{value:+.2f}", ha="center", va="center", fontsize=7)
    axis.set_xlabel("measured under")
    axis.set_ylabel("trained with")
    figure.colorbar(image, label="held-out loss minus random span's")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    figure.savefig(partial, format="png", metadata={"Software": None})
    partial.replace(path)


def write_table(config: Path, results: Path, readme: Path | None) -> str | None:
    """Make the section of one table and its figures; returns the text, None where nothing was measured."""
    table = Table.read(config)
    order = list(dict.fromkeys(unit.arm for unit in table.units))
    extends = "extends" in config.read_text()
    arms = load(results / table.name, order)
    if not arms:
        return None
    # Tables that extend core are read beside its baseline.
    same_backbone = {unit.settings["backbone"] for unit in table.units} == {"logo"} and not any(
        "tokenizer" in unit.settings for unit in table.units
    )
    if extends and same_backbone and BASELINE not in arms:
        core = load(results / "core", [BASELINE, "genemask", "cm_gems"])
        arms = {**core, **arms}
    wanted = len(table.units)
    there = sum(len(arms[arm]) for arm in order if arm in arms)
    settings = table.units[0].settings
    trainer = settings["trainer"]
    batch = trainer["per_device_train_batch_size"] * trainer["gradient_accumulation_steps"]
    parts = [
        f"### {table.title}",
        f"`{config.name}`: {there} of {wanted} models measured; "
        f"{trainer['max_steps']} steps of {batch} windows of "
        f"{settings['windows']['full_length']} nucleotides; "
        f"{max(r['parameters'] for a in arms.values() for r in a.values()):,} parameters.",
        main_table(arms),
    ]
    if BASELINE in arms and len(arms) > 1:
        # Arms that core has tested already stand here to be seen beside, not to be tested twice.
        own = {arm: records for arm, records in arms.items() if arm == BASELINE or arm in order}
        text, _ = tests_table(own, BASELINE)
        parts += [f"Against the random span (arm minus baseline; loss: lower is better):\n\n{text}"]
        for other in ("cm_gems", "even_mixture"):
            pair = {arm: own[arm] for arm in (other, *OURS) if arm in own}
            if other in pair and len(pair) > 1:
                text, _ = tests_table(pair, other)
                parts.append(f"Ours against `{other}`:\n\n{text}")
        definitions = {
            "genemask": "genemask_released",
            "global": "global_released",
            "cm_gems": "cm_gems_released",
        }
        for definition, released in definitions.items():
            if definition in own and released in own:
                text, _ = tests_table({released: own[released], definition: own[definition]}, released)
                parts.append(f"`{definition}` against `{released}`:\n\n{text}")
        if "global" in own and "global_soft" in own:
            text, _ = tests_table({"global": own["global"], "global_soft": own["global_soft"]}, "global")
            parts.append(f"`global_soft` against `global`:\n\n{text}")
    parts.append(f"Held-out loss under each mask (nats per predicted token):\n\n{losses_table(arms)}")
    for field, title in (("probe", "Linear probe"), ("finetune", "Fine-tuned")):
        if any(has(records, field) for records in arms.values()):
            parts.append(f"{title}, MCC without leaked rows:\n\n{probe_table(arms, field)}")
    parts.append(f"What the masks were like:\n\n{masks_table(arms)}")
    species = next(iter(next(iter(arms.values())).values()))["loss_elsewhere"]
    if species and BASELINE in order:
        rows = []
        for records in arms.values():
            values = [
                spread([mean_loss(r["loss_elsewhere"][name]) for r in records.values()]) for name in species
            ]
            rows.append([next(iter(records.values()))["title"], *values])
        parts.append(
            "Held-out loss on other genomes, mean of six masks:\n\n" + markdown(["arm", *species], rows)
        )
    figures = results / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    if BASELINE in arms:
        draw_curve(arms, figures / f"{table.name}_curve.png")
        draw_heat(arms, figures / f"{table.name}_masks.png")
        parts.append(
            f"![Loss and probe against steps](results/figures/{table.name}_curve.png)\n\n"
            f"![Loss under each mask](results/figures/{table.name}_masks.png)"
        )
    text = "\n\n".join(parts)
    if readme is not None:
        replace_section(readme, table.name, text)
    return text


def replace_section(path: Path, name: str, text: str) -> None:
    """Put text between ``<!-- table NAME -->`` and ``<!-- /table NAME -->``."""
    content = path.read_text()
    start, stop = f"<!-- table {name} -->", f"<!-- /table {name} -->"
    if start not in content or stop not in content:
        return
    head, rest = content.split(start, 1)
    _, tail = rest.split(stop, 1)
    write_atomically(path, f"{head}{start}\n{text}\n{stop}{tail}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", type=Path, help="configurations; all by default")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--no-readme", action="store_true", help="print instead of writing into README.md")
    given = parser.parse_args()
    named = [path if path.is_file() else HERE / path for path in given.tables]
    configs = named or sorted(path for path in HERE.glob("*.toml") if path.name != "arms.toml")
    for config in configs:
        text = write_table(config, given.results, None if given.no_readme else HERE / "README.md")
        if text and given.no_readme:
            print(text)


if __name__ == "__main__":
    main()
