"""From the outcomes of trials to result records, one for each task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dnamask_plugins.environment import command_line, environment
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.harness.outcome import TrialOutcome
from dnamask_plugins.harness.runner import RunPlan, RunRequest
from dnamask_plugins.harness.trial import Trial
from dnamask_plugins.results.measuring import measured
from dnamask_plugins.results.record_files import write
from dnamask_plugins.results.records import RunInfo, SeedOutcome, TaskInfo
from dnamask_plugins.tasks.audit import CorpusFindings, audit_task, search_corpus
from dnamask_plugins.tasks.data import TaskData, read_task


def write_records(
    request: RunRequest,
    plan: RunPlan,
    outcomes: Mapping[Trial, TrialOutcome],
    failed: Callable[[str, str], None] | None = None,
) -> dict[str, Path]:
    """Write one result record per task whose trials are all there.

    Tasks of which every seed failed have no record.

    Parameters
    ----------
    request : RunRequest
    plan : RunPlan
    outcomes : mapping of Trial to TrialOutcome
    failed : callable, optional
        Called with a task and the reason why it has no record; without it the reason is raised.

    Returns
    -------
    dict of str to Path
        Files by task.
    """
    complete: dict[str, list[tuple[Trial, TrialOutcome]]] = {}
    for name in dict.fromkeys(trial.task.name for trial in plan.trials):
        trials = [trial for trial in plan.trials if trial.task.name == name]
        pairs = [(trial, outcomes[trial]) for trial in trials if trial in outcomes]
        if len(pairs) == len(trials) and any(outcome.status != "failed" for _, outcome in pairs):
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


def _search(request: RunRequest, trials: Sequence[Trial]) -> dict[str, CorpusFindings]:
    """Look for all the tasks' sequences in the pretraining corpus, in one pass over it."""
    return search_corpus([_data(trial) for trial in trials], request.corpus) if request.corpus else {}


def _data(trial: Trial) -> TaskData:
    return read_task(trial.data_folder, trial.task, dev_as_train=trial.dev_as_train)


def _audit(trial: Trial, outcome: TrialOutcome, corpus: CorpusFindings | None) -> Mapping[str, Any]:
    """Return the audit that the trial made, with what was found in the pretraining corpus."""
    if corpus is None and outcome.audit is not None:
        return outcome.audit
    return audit_task(_data(trial), corpus).to_json()


def _write_record(
    request: RunRequest,
    plan: RunPlan,
    pairs: Sequence[tuple[Trial, TrialOutcome]],
    machine: Mapping[str, Any],
    corpus: CorpusFindings | None,
) -> Path:
    trial, task = pairs[0][0], pairs[0][0].task
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
        _run_info(request, trial, good, machine, _audit(trial, good[0], corpus)),
        seeds,
    )
    return write(record, seeds, request.output / "records")


def _seed(result: TrialOutcome) -> SeedOutcome:
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
    trial: Trial,
    good: Sequence[TrialOutcome],
    machine: Mapping[str, Any],
    audit: Mapping[str, Any],
) -> RunInfo:
    first = good[0]
    selected = str(first.recipe.get("select_by", "last"))
    # A probe and a baseline say themselves what chose.
    chosen = {"loss": "dev loss", "metric": f"dev {trial.task.metric}", "last": "last checkpoint"}
    return RunInfo(
        method=trial.method,
        recipe=dict(first.recipe),
        select_by=f"dev {trial.task.metric}" if trial.method == "probe" else chosen.get(selected, selected),
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
        scale_note="; ".join(_departures(trial, first)),
        rows={name: split["rows"] for name, split in audit["splits"].items()} | {"train": first.train_rows},
    )


def _departures(trial: Trial, outcome: TrialOutcome) -> Iterator[str]:
    """Say in what a trial was not what its task and its recipe ask for."""
    if outcome.dev_as_train:
        yield "trained on dev: train.csv was missing"
    if trial.train_limit is not None:
        yield f"trained on {outcome.train_rows} rows only"
    if trial.overrides:
        yield "settings changed: " + ", ".join(f"{key}={value}" for key, value in trial.overrides.items())


def _command() -> str:
    """Return the command with the last parts of paths: where a user keeps files is nobody's business."""
    return " ".join(["dnamask", *command_line()[1:]])
