"""From the outcomes of units to result records, one for each task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dnamask_plugins.environment import command_line, environment
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.harness.outcome import UnitOutcome
from dnamask_plugins.harness.runner import Plan, RunRequest
from dnamask_plugins.harness.unit import Unit
from dnamask_plugins.results.measuring import measured
from dnamask_plugins.results.record_files import write
from dnamask_plugins.results.records import RunInfo, SeedOutcome, TaskInfo
from dnamask_plugins.tasks.audit import CorpusFindings, audit_task, search_corpus
from dnamask_plugins.tasks.data import TaskData, read_task


def write_records(
    request: RunRequest,
    plan: Plan,
    outcomes: Mapping[Unit, UnitOutcome],
    failed: Callable[[str, str], None] | None = None,
) -> dict[str, Path]:
    """Write one result record per task whose units are all there.

    Tasks of which every seed failed have no record.

    Parameters
    ----------
    request : RunRequest
    plan : Plan
    outcomes : mapping of Unit to UnitOutcome
    failed : callable, optional
        Called with a task and the reason why it has no record; without it the reason is raised.

    Returns
    -------
    dict of str to Path
        Files by task.
    """
    complete: dict[str, list[tuple[Unit, UnitOutcome]]] = {}
    for name in dict.fromkeys(unit.task.name for unit in plan.units):
        units = [unit for unit in plan.units if unit.task.name == name]
        pairs = [(unit, outcomes[unit]) for unit in units if unit in outcomes]
        if len(pairs) == len(units) and any(outcome.status != "failed" for _, outcome in pairs):
            complete[name] = pairs
    machine = environment()
    corpus = _search(request, [pairs[0][0] for pairs in complete.values()])
    written: dict[str, Path] = {}
    for name, pairs in complete.items():
        try:
            written[name] = _write_record(request, plan, pairs, machine, corpus.get(name))
        except Exception as error:
            if failed is None:
                raise
            # One task that cannot be recorded must not cost the others their records.
            kind = "" if isinstance(error, DnamaskError) else f"{type(error).__name__}: "
            failed(name, " ".join(f"{kind}{error}".split())[:500])
    return written


def _search(request: RunRequest, units: Sequence[Unit]) -> dict[str, CorpusFindings]:
    """Look for all the tasks' sequences in the pretraining corpus, in one pass over it."""
    return search_corpus([_data(unit) for unit in units], request.corpus) if request.corpus else {}


def _data(unit: Unit) -> TaskData:
    return read_task(unit.data_folder, unit.task, dev_as_train=unit.dev_as_train)


def _audit(unit: Unit, outcome: UnitOutcome, corpus: CorpusFindings | None) -> Mapping[str, Any]:
    """Return the audit that the unit made, with what was found in the pretraining corpus."""
    if corpus is None and outcome.audit is not None:
        return outcome.audit
    return audit_task(_data(unit), corpus).to_json()


def _write_record(
    request: RunRequest,
    plan: Plan,
    pairs: Sequence[tuple[Unit, UnitOutcome]],
    machine: Mapping[str, Any],
    corpus: CorpusFindings | None,
) -> Path:
    unit, task = pairs[0][0], pairs[0][0].task
    good = [outcome for _, outcome in pairs if outcome.status != "failed"]
    seeds = [_seed(outcome) for _, outcome in pairs]
    record = measured(
        plan.source.info(good[0].parameters, request.track, request.model_name),
        TaskInfo(
            name=task.name,
            suite=task.suite,
            metric=task.metric,
            classes=good[0].classes,
            species=task.species or "unknown",
            shots=task.shots,
            data_sha256=good[0].data_sha256,
            kind=task.kind,
        ),
        _run_info(request, unit, good, machine, _audit(unit, good[0], corpus)),
        seeds,
    )
    return write(record, seeds, request.output / "records")


def _seed(result: UnitOutcome) -> SeedOutcome:
    return SeedOutcome(
        seed=result.seed,
        predictions=result.predictions,
        error=result.error,
        best_step=result.best_step,
        dev=result.dev,
        wall_time_s=result.wall_time_s,
        steps=result.steps,
    )


def _run_info(
    request: RunRequest,
    unit: Unit,
    good: Sequence[UnitOutcome],
    machine: Mapping[str, Any],
    audit: Mapping[str, Any],
) -> RunInfo:
    first = good[0]
    selected = str(first.recipe.get("select_by", "last"))
    chosen = {"loss": "dev loss", "metric": f"dev {unit.task.metric}", "last": "last checkpoint"}
    # A probe and a baseline say themselves what chose.
    notes = []
    if first.dev_as_train:
        notes.append("trained on dev: train.csv was missing")
    if unit.train_limit is not None:
        notes.append(f"trained on {first.train_rows} rows only")
    if unit.overrides:
        notes.append(
            "settings changed: " + ", ".join(f"{key}={value}" for key, value in unit.overrides.items())
        )
    return RunInfo(
        method=unit.method,
        recipe=dict(first.recipe),
        select_by=f"dev {unit.task.metric}" if unit.method == "probe" else chosen.get(selected, selected),
        command=_command(),
        effective_batch=first.effective_batch,
        processes=first.processes,
        hardware={
            "processor": str(machine["processor"]),
            "threads": str(machine["threads"]),
            "gpus": ", ".join(machine["gpus"]) or "none",
            "platform": str(machine["platform"]),
        },
        libraries={"python": str(machine["python"]), **machine["libraries"]},
        package_version=str(machine["dnamask_plugins"]),
        wall_time_s=round(sum(result.wall_time_s for result in good), 3),
        peak_memory_bytes=max((result.peak_memory_bytes or 0 for result in good), default=0) or None,
        dev_as_train=first.dev_as_train,
        truncated=dict(first.truncated),
        audit=dict(audit),
        scale_note="; ".join(notes),
        rows={name: split["rows"] for name, split in audit["splits"].items()} | {"train": first.train_rows},
    )


def _command() -> str:
    """Return the command with the last parts of paths: where a user keeps files is nobody's business."""
    return " ".join(["dnamask", *command_line()[1:]])
