"""What ``run`` of ``dnamask gue`` and ``dnamask fewshot`` does, apart from reading its flags."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dnamask_plugins import terminal
from dnamask_plugins.config import parse_assignments
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.executors import make_executor
from dnamask_plugins.harness.baselines import BaselineSource, is_baseline
from dnamask_plugins.harness.recording import write_records
from dnamask_plugins.harness.runner import RunRequest, execute, plan_run
from dnamask_plugins.harness.score_table import score_rows, score_table
from dnamask_plugins.harness.selection import named_one_by_one, parse_seeds, tasks_of
from dnamask_plugins.locks import locked_folder
from dnamask_plugins.processes import require_one_process
from dnamask_plugins.quiet import silence_transformers
from dnamask_plugins.results.methods import STANDARD, Method

if TYPE_CHECKING:
    from rich.console import Console

    from dnamask_plugins.harness.outcome import TrialOutcome
    from dnamask_plugins.harness.runner import RunPlan, RunRequest
    from dnamask_plugins.harness.trial import Trial


@dataclass(frozen=True)
class RunFlags:
    """The flags of ``run``, as they were given."""

    model: str
    folder: Path
    out: Path
    tasks: str
    suites: tuple[str, ...]
    seeds: str
    method: Method
    recipe: str
    select_by: str | None = None
    max_length: int | None = None
    settings: tuple[str, ...] = ()
    train_limit: int | None = None
    dev_as_train: bool = False
    drop_leaks: bool = False
    corpus: tuple[Path, ...] = ()
    name: str | None = None
    track: str = STANDARD
    executor: str = "local"
    address: str | None = None
    as_json: bool = False


def method_of(lora: bool, probe: bool) -> Method:
    """Return the method that two flags mean."""
    if lora and probe:
        raise ConfigError("--lora and --probe exclude each other; give one of them")
    return "lora" if lora else "probe" if probe else "finetune"


def default_seeds(model: str, method: Method) -> str:
    """Return the seeds where none are given: one is enough where figures do not depend on it."""
    varies = BaselineSource.find(model).varies if is_baseline(model) else method != "probe"
    return "0,1,2" if varies else "0"


def run_command(flags: RunFlags) -> int:
    """Run what is open, write the records, print a table; returns the exit code (1 where a trial failed)."""
    require_one_process(f"{flags.suites[0]} run")
    request = _request(flags)

    silence_transformers()
    notes = terminal.console(stderr=True, soft_wrap=True)
    plan = plan_run(request)
    _introduce(plan, notes)
    outcomes: dict[Trial, TrialOutcome] = {}
    unrecorded: list[str] = []

    def not_recorded(task: str, reason: str) -> None:
        unrecorded.append(task)
        notes.print(f"not recorded: {task}: {reason}")

    with locked_folder(flags.out):
        for trial, outcome in execute(plan, make_executor(flags.executor, flags.address)):
            outcomes[trial] = outcome
            if outcome.status == "failed":
                notes.print(f"failed: {trial}: {outcome.error}")
        records = write_records(request, plan, outcomes, not_recorded)
    rows = score_rows(outcomes, flags.drop_leaks)
    if flags.as_json:
        print(json.dumps(rows, indent=1))
    else:
        terminal.page().print(score_table(rows, flags.drop_leaks))
    notes.print(f"{len(records)} records in {flags.out / 'records'}")
    failed = any(outcome.status == "failed" for outcome in outcomes.values())
    return int(failed or bool(unrecorded) or bool(plan.broken))


def _request(flags: RunFlags) -> RunRequest:
    tasks = tasks_of(flags.tasks, flags.suites)
    seeds = parse_seeds(flags.seeds)
    overrides = parse_assignments(flags.settings)

    return RunRequest(
        model=flags.model,
        data_folder=flags.folder,
        tasks=tasks,
        seeds=seeds,
        output=flags.out,
        method=flags.method,
        recipe=flags.recipe,
        select_by=flags.select_by,
        max_length=flags.max_length,
        overrides=overrides,
        train_limit=flags.train_limit,
        dev_as_train=flags.dev_as_train,
        skip_missing=len(tasks) > 1 and not named_one_by_one(flags.tasks),
        corpus=flags.corpus,
        model_name=flags.name,
        track=flags.track,
    )


def _introduce(plan: RunPlan, notes: Console) -> None:
    """Say what does not run, and how tables were read."""
    for reason in plan.left_out.values():
        notes.print(f"left out: {reason}")
    for reason in plan.broken.values():
        notes.print(f"failed: {reason}")
    for note in plan.notes:
        notes.print(note)
    if plan.finished:
        notes.print(f"{len(plan.finished)} of {len(plan.trials)} trials are finished and skipped")
