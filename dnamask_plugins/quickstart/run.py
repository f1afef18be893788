"""Two pretrainings that differ in the curriculum alone, and what they bring on a small task."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from dnamask_plugins import terminal
from dnamask_plugins.corpus.build import build_corpus
from dnamask_plugins.corpus.bundled import bundled_genomes
from dnamask_plugins.errors import ConfigError, DnamaskError
from dnamask_plugins.files import write_json
from dnamask_plugins.harness.runner import RunRequest, execute, plan_run
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.quickstart.arms import CAVEAT, PROBES, SEEDS, Arm, mean_and_deviation
from dnamask_plugins.quickstart.reads import write_origin_task
from dnamask_plugins.quickstart.report import write_report
from dnamask_plugins.quickstart.settings import ARMS, MODEL, Sizes
from dnamask_plugins.quiet import silence_transformers
from dnamask_plugins.tasks import Task


def quickstart(
    folder: Path, fasta: Path | None = None, sizes: Sizes | None = None, as_json: bool = False
) -> list[Arm]:
    """Build a table and a corpus, pretrain twice, fine-tune both, and write the report.

    What is finished in `folder` is not done again.

    Parameters
    ----------
    folder : Path
    fasta : Path, optional
        Another genome to pretrain on; it becomes one more species of the task.
    sizes : Sizes, optional
    as_json : bool
        Print the table as JSON.

    Returns
    -------
    list of Arm

    Raises
    ------
    InputError
        The genome cannot be used.
    ConfigError
        `folder` holds a quickstart of another genome or other sizes.
    """
    console = terminal.console(stderr=True)
    started = time.time()
    sizes = sizes or Sizes()
    species, nucleotides = _data(folder, fasta, sizes)
    console.print(
        f"1/3 NPMI table and corpus of {nucleotides:,} nucleotides; "
        f"task: {len(species)} species, {sizes.train * len(species)} training reads"
    )

    console.print(f"2/3 pretraining twice, {sizes.steps} steps of {sizes.batch} windows")
    arms = [_pretrained(folder, name, curriculum, sizes) for name, curriculum in ARMS.items()]
    console.print(f"3/3 fine-tuning {len(arms)} models with {len(SEEDS)} seeds each")
    for arm in arms:
        arm.scores.update(_fine_tuned(folder, arm.name, species, sizes))
    seconds = time.time() - started
    write_report(folder / "report.html", arms, species, sizes, nucleotides, seconds)
    if as_json:
        print(json.dumps([_figures(arm) for arm in arms], indent=1))
    else:
        _print(arms, folder, seconds)
    return arms


def _data(folder: Path, fasta: Path | None, sizes: Sizes) -> tuple[list[str], int]:
    """Make table, corpus and task; return the species of the task and the nucleotides of the corpus."""
    genomes = dict(bundled_genomes())
    if fasta is not None:
        genomes[fasta.name.split(".")[0]] = fasta
    source = fasta or genomes["fly"]
    _claim(folder, {"genome": source.name, **asdict(sizes)})
    table = folder / "table.safetensors"
    if not table.is_file():
        NpmiTable.from_fasta([source], k=6).save(table)
    store = build_corpus([source], folder / "corpus")
    species = write_origin_task(genomes, folder / "task" / "origin" / "reads", sizes.reads, sizes.read_length)
    return species, len(store)


def _claim(folder: Path, identity: dict[str, Any]) -> None:
    """Write what a quickstart is of into its folder; refuse a folder that holds another."""
    mark = folder / "quickstart.json"
    if mark.is_file() and json.loads(mark.read_text()) != identity:
        raise ConfigError(f"{folder} holds a quickstart of another genome or size; give another --output")
    write_json(mark, identity)


def _slug(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")


def _pretrained(folder: Path, name: str, curriculum: Mapping[str, Any], sizes: Sizes) -> Arm:
    from dnamask_plugins.pretrain.perplexity import perplexity_under
    from dnamask_plugins.pretrain.run import pretrain
    from dnamask_plugins.pretrain.signals import Interrupted

    model = folder / "models" / _slug(name)
    measured = model / "perplexity.json"
    if not measured.is_file():
        try:
            pretrain(_settings(folder, model, curriculum, sizes), resume=True)
        except Interrupted:
            raise Interrupted(
                f"stopped by a signal and saved in {folder}; run the same command again to go on"
            ) from None
        figures = perplexity_under(
            model, folder / "corpus", PROBES, folder / "table.safetensors", windows=64, length=sizes.window
        )
        write_json(measured, {name: each.perplexities()["perplexity"] for name, each in figures.items()})
    record = json.loads((model / "run.json").read_text())
    return Arm(name, record["history"], record["curriculum"]["switch_step"], json.loads(measured.read_text()))


def _settings(folder: Path, model: Path, curriculum: Mapping[str, Any], sizes: Sizes) -> PretrainSettings:
    return PretrainSettings.from_mapping(
        {
            "corpus": str(folder / "corpus"),
            "output": str(model),
            "npmi": str(folder / "table.safetensors"),
            "backbone": "logo",
            "model": MODEL,
            "curriculum": dict(curriculum),
            "windows": {"full_length": sizes.window, "min_length": 20},
            "validation": {"windows": 64, "length": sizes.window},
            "trainer": {
                "max_steps": sizes.steps,
                "per_device_train_batch_size": sizes.batch,
                "gradient_accumulation_steps": 1,
                "learning_rate": 2e-3,
                "eval_steps": sizes.eval_steps,
                "save_steps": sizes.eval_steps,
                "save_total_limit": 1,
                "logging_steps": 10,
            },
        }
    )


def _fine_tuned(folder: Path, name: str, species: list[str], sizes: Sizes) -> dict[str, list[float]]:
    silence_transformers()
    steps = sizes.epochs * -(-sizes.train * len(species) // 32)
    recipe = {
        "learning_rate": 1e-3,
        "num_train_epochs": sizes.epochs,
        "warmup_ratio": 0.1,
        "eval_steps": max(steps // 4, 1),
        "select_by": "metric",
    }
    task = Task(
        "origin/reads",
        "quickstart",
        "mcc",
        classes=len(species),
        length=sizes.read_length,
        labels=tuple(species),
        recipes={"any": recipe},
    )
    request = RunRequest(
        model=str(folder / "models" / _slug(name)),
        data_folder=folder / "task",
        tasks=(task,),
        seeds=SEEDS,
        output=folder / "results" / _slug(name),
        model_name=name,
    )
    scores: dict[str, list[float]] = {"mcc": [], "accuracy": []}
    for trial, outcome in execute(plan_run(request)):
        if outcome.error:
            raise DnamaskError(f"fine-tuning {name}, {trial}: {outcome.error}")
        for metric, values in scores.items():
            values.append(outcome.scores[metric])
    return scores


def _figures(arm: Arm) -> dict[str, Any]:
    figures = {"switch_step": arm.switch_step, "perplexity": dict(arm.perplexity)}
    return {"curriculum": arm.name, **figures, "scores": dict(arm.scores)}


def _print(arms: list[Arm], folder: Path, seconds: float) -> None:
    table = Table(title="Quickstart", caption=CAVEAT, caption_justify="left")
    table.add_column("curriculum")
    for probe in PROBES:
        table.add_column(f"perplexity\nunder {probe}", justify="right")
    table.add_column(f"MCC x 100, test\nmean ± sd of {len(SEEDS)} seeds", justify="right")
    for arm in arms:
        mean, deviation = mean_and_deviation(arm.scores["mcc"])
        table.add_row(
            arm.name,
            *(f"{arm.perplexity[probe]:.1f}" for probe in PROBES),
            f"{100 * mean:.1f} ± {100 * deviation:.1f}",
        )
    console = terminal.console()
    console.print(table)
    console.print(f"{seconds:.0f} s in all; report: {folder / 'report.html'}")
