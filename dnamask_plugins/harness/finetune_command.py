"""What ``dnamask finetune`` does, apart from reading its flags: a table in, a model and its scores out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnamask_plugins import terminal
from dnamask_plugins.config import fingerprint, parse_assignments
from dnamask_plugins.errors import ConfigError, InputError, suggest
from dnamask_plugins.files import write_json
from dnamask_plugins.harness.baselines import BASELINES, PREFIX, BaselineSource
from dnamask_plugins.harness.finetune_files import MODEL_FOLDER, keep_chosen, write_predictions
from dnamask_plugins.harness.finetune_messages import introduce, print_scores, warn_of_floors
from dnamask_plugins.harness.recording import write_records
from dnamask_plugins.harness.runner import RunRequest, execute, plan_run
from dnamask_plugins.harness.selection import parse_seeds
from dnamask_plugins.harness.tables import TableOptions, import_table, options_of
from dnamask_plugins.harness.tables.of_task import as_read
from dnamask_plugins.locks import LOCK_FILE, locked_folder
from dnamask_plugins.models.source import UNTRAINED
from dnamask_plugins.processes import require_one_process
from dnamask_plugins.results.finetuning.output import PREDICTIONS_FILE, SUMMARY_FILE
from dnamask_plugins.results.finetuning.page import write_report
from dnamask_plugins.tasks import load_tasks
from dnamask_plugins.tasks.recipes import ClassWeights

if TYPE_CHECKING:
    from rich.console import Console

    from dnamask_plugins.harness.outcome import TrialOutcome
    from dnamask_plugins.harness.runner import RunPlan, RunRequest
    from dnamask_plugins.harness.tables import Imported
    from dnamask_plugins.harness.trials import Trial

Outcomes = Mapping["Trial", "TrialOutcome"]


@dataclass(frozen=True)
class FinetuneFlags:
    """The flags of ``finetune``, as they were given; ``settings`` are changes to the recipe."""

    data: Path
    model: str
    out: Path
    options: TableOptions
    name: str | None = None
    seeds: str = "0,1,2"
    recipe: str = "paper"
    lora: bool = False
    select_by: str | None = None
    class_weights: ClassWeights | None = None
    max_length: int | None = None
    overrides: tuple[str, ...] = ()
    floors: str = "kmers,onehot"
    drop_leaks: bool = False
    dry_run: bool = False
    as_json: bool = False


def finetune_command(flags: FinetuneFlags) -> int:
    """Read the table, say how it was read, train, test, and save; returns the exit code."""
    require_one_process("finetune")
    floors = _floors(flags.floors)
    seeds, overrides = parse_seeds(flags.seeds), parse_assignments(flags.overrides)
    asked = _refuse_others(flags)
    with locked_folder(flags.out):
        _claim(flags, asked)
        return _finetune(flags, floors, seeds, overrides)


def _finetune(
    flags: FinetuneFlags, floors: Sequence[str], seeds: tuple[int, ...], overrides: dict[str, Any]
) -> int:
    notes = terminal.console(stderr=True)
    imported = _import(flags)
    request = RunRequest(
        model=flags.model,
        data_folder=imported.folder,
        tasks=(imported.task,),
        seeds=seeds,
        output=flags.out,
        method="lora" if flags.lora else "finetune",
        recipe=flags.recipe,
        select_by=flags.select_by,
        class_weights=flags.class_weights,
        max_length=flags.max_length,
        overrides=overrides,
        keep_models=True,
    )
    plan = plan_run(request)
    introduce(imported, plan, notes)
    if flags.dry_run:
        return 0
    requests = [request, *(_floor_request(request, name) for name in floors)]
    plans = [plan, *(plan_run(each) for each in requests[1:])]
    results = [_run(each, one, notes) for each, one in zip(plans, requests, strict=True)]
    return _finish(flags, imported, plans, results, notes)


def _import(flags: FinetuneFlags) -> Imported:
    """Read the table, or the one that a task file names."""
    if flags.data.suffix != ".toml":
        return import_table(flags.data, flags.name or _name_of(flags.data), flags.out, flags.options)
    tasks = load_tasks(flags.data)
    named = [task for task in tasks if flags.name in (None, task.name)]
    if len(named) != 1 or not named[0].data:
        names = ", ".join(task.name for task in tasks if task.data)
        raise ConfigError(
            f"{flags.data}: choose one task that has 'data' with --name ({names or 'there is none'})"
        )
    if flags.options != TableOptions():
        raise ConfigError(f"{flags.data}: says how the table is read; change it there, under [task.table]")
    task = named[0]
    imported = import_table(Path(task.data), task.name, flags.out, options_of(task))
    return replace(imported, task=as_read(task, imported.task))


def _floors(text: str) -> tuple[str, ...]:
    known = (*BASELINES, UNTRAINED.rstrip(":"), "none")
    names = tuple(word.strip() for word in text.split(",") if word.strip() not in ("", "none"))
    for name in names:
        if name not in known:
            raise ConfigError(f"--floors {name}: no such floor; {suggest(name, known)}")
    return names


def _name_of(data: Path) -> str:
    """Make a name of a task from that of a file."""
    stem = data.resolve().name.split(".")[0]
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in stem) or "task"


def _refuse_others(flags: FinetuneFlags) -> str:
    """Refuse a folder that holds something else, so that no figure is mixed with another's.

    Returns the fingerprint of what is asked for, by which the folder is known again.
    """
    asked = fingerprint(
        {
            "data": str(flags.data.resolve()),
            "model": flags.model,
            "options": str(flags.options),
            "name": flags.name,
        }
    )
    path = flags.out / SUMMARY_FILE
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        if before.get("asked") != asked:
            raise InputError(
                f"{flags.out}: holds a fine-tuning of {before.get('data')} with {before.get('model')} or "
                "other ways of reading it; give another folder with -o"
            )
    elif flags.out.is_dir() and any(each.name != LOCK_FILE for each in flags.out.iterdir()):
        raise InputError(f"{flags.out}: is not empty and no fine-tuning; give another folder with -o")
    return asked


def _claim(flags: FinetuneFlags, asked: str) -> None:
    path = flags.out / SUMMARY_FILE
    write_json(path, {"asked": asked, "data": flags.data.name, "model": flags.model, "status": "begun"})


def _floor_request(request: RunRequest, name: str) -> RunRequest:
    if name == UNTRAINED.rstrip(":"):
        return replace(request, model=UNTRAINED + request.model, keep_models=False)
    varies = BaselineSource(name).varies
    return replace(
        request,
        model=PREFIX + name,
        method="finetune",
        recipe="paper",
        select_by=None,
        class_weights=None,
        max_length=None,
        overrides={},
        keep_models=False,
        seeds=request.seeds if varies else request.seeds[:1],
    )


def _run(plan: RunPlan, request: RunRequest, notes: Console) -> dict[Trial, TrialOutcome]:
    outcomes: dict[Trial, TrialOutcome] = {}
    for trial, outcome in execute(plan, label=plan.source.reference):
        outcomes[trial] = outcome
        if outcome.status == "failed":
            notes.print(
                f"failed: {plan.source.reference}, seed {trial.seed}: {outcome.error}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
    write_records(request, plan, outcomes)
    return outcomes


def _finish(
    flags: FinetuneFlags,
    imported: Imported,
    plans: Sequence[RunPlan],
    results: Sequence[Outcomes],
    notes: Console,
) -> int:
    metric = imported.task.metric
    done = {trial: outcome for trial, outcome in results[0].items() if outcome.status != "failed"}
    rows = [
        _row(plan.source.reference, outcomes, metric, flags.drop_leaks)
        for plan, outcomes in zip(plans, results, strict=True)
    ]
    summary = {
        **json.loads((flags.out / SUMMARY_FILE).read_text(encoding="utf-8")),
        "task": imported.task.name,
        "metric": metric,
        "rows": rows,
        "status": "done" if done else "failed",
    }
    if done:
        chosen = max(done, key=lambda trial: (done[trial].dev.get(metric, 0.0), -trial.seed))
        summary |= {"chosen_seed": chosen.seed, "chosen_by": f"dev {metric}"}
        keep_chosen(flags.out, chosen, list(done))
        write_predictions(flags.out / PREDICTIONS_FILE, imported, done[chosen])
    write_json(flags.out / SUMMARY_FILE, summary)
    if done:
        notes.print(f"report: {write_report(flags.out)}", highlight=False, soft_wrap=True)
    if flags.as_json:
        print(json.dumps({"metric": metric, "rows": rows}, indent=1))
    else:
        print_scores(rows, metric, flags.drop_leaks)
    warn_of_floors(rows, metric, notes)
    if done:
        notes.print(f"model of seed {summary['chosen_seed']} in {flags.out / MODEL_FOLDER}", highlight=False)
    return int(len(done) < len(results[0]))


def _row(name: str, outcomes: Outcomes, metric: str, drop_leaks: bool) -> dict[str, Any]:
    good = [outcome for outcome in outcomes.values() if outcome.status != "failed"]
    values = [outcome.scores[metric] for outcome in good]
    rest = [outcome.scores.get(f"{metric}_without_leaks", outcome.scores[metric]) for outcome in good]
    return {
        "model": name,
        "mean": float(np.mean(values)) if values else None,
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "without_leaks": float(np.mean(rest)) if rest and drop_leaks else None,
        "seeds": len(good),
        "seconds": round(sum(outcome.wall_time_s for outcome in good), 1),
        "scores": {name: float(np.mean([each.scores[name] for each in good])) for name in good[0].scores}
        if good
        else {},
    }
