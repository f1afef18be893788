"""Runs of many trials: what is asked for, what is done already, what is left, and the records of it all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn, TimeRemainingColumn

from dnamask_plugins import terminal
from dnamask_plugins.errors import ConfigError, DnamaskError, InputError, suggest
from dnamask_plugins.executors import Executor, LocalExecutor
from dnamask_plugins.files import safe_name
from dnamask_plugins.harness.baselines import BaselineSource, is_baseline
from dnamask_plugins.harness.model_source import ModelSource
from dnamask_plugins.harness.outcome import TrialOutcome, read_outcome
from dnamask_plugins.harness.recipe_choice import PAPER, resolve_recipe
from dnamask_plugins.harness.run_request import RunRequest
from dnamask_plugins.harness.tables import import_table, options_of, table_of
from dnamask_plugins.harness.tables.of_task import as_read
from dnamask_plugins.harness.trials import Trial, reporting, run_trial
from dnamask_plugins.models.configuration import read_config
from dnamask_plugins.results.methods import TRACKS, Method
from dnamask_plugins.tasks import SPLITS, Task
from dnamask_plugins.tasks.data import find_file, hash_splits, suite_root
from dnamask_plugins.tasks.recipes import Recipe


@dataclass(frozen=True, eq=False)
class RunPlan:
    """Units in their order, those that are finished, and tasks that were left out with the reason.

    ``broken`` are tasks whose table cannot be used; ``notes`` say how the tables of others were read.
    """

    source: ModelSource | BaselineSource
    trials: tuple[Trial, ...]
    finished: Mapping[Trial, TrialOutcome]
    left_out: Mapping[str, str]
    broken: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def open(self) -> tuple[Trial, ...]:
        """Units that have to run."""
        return tuple(trial for trial in self.trials if trial not in self.finished)


def plan_run(request: RunRequest) -> RunPlan:
    """Find out what has to run.

    Raises
    ------
    InputError
        The model or the data are not there.
    ConfigError
        The recipe is not known.
    """
    _check(request)
    source = _contestant(request)
    root = suite_root(request.data_folder)
    limit = None if isinstance(source, BaselineSource) else _position_limit(source)
    trials: list[Trial] = []
    left_out: dict[str, str] = {}
    notes: list[str] = []
    broken: dict[str, str] = {}
    for asked in request.tasks:
        reason = _missing(root, asked, request.dev_as_train)
        if reason is not None:
            if not request.skip_missing:
                raise InputError(reason)
            left_out[asked.name] = reason
            continue
        try:
            task, folder, how = _placed(asked, root, request)
        except DnamaskError as error:
            if len(request.tasks) == 1:
                raise
            broken[asked.name] = str(error)
            continue
        notes += how
        trials += _trials(task, folder, source, limit, request)
    if not trials:
        raise InputError(
            next(iter(broken.values()), "")
            or f"{root}: holds none of the {len(request.tasks)} tasks; {request.tasks[0].how_to_get}"
        )
    found = {trial: read_outcome(trial.path) for trial in trials}
    finished = {trial: done for trial, done in found.items() if done is not None and done.status != "failed"}
    return RunPlan(source, tuple(trials), finished, left_out, broken, tuple(notes))


def _trials(
    task: Task, folder: Path, source: ModelSource | BaselineSource, limit: int | None, request: RunRequest
) -> list[Trial]:
    """Return the trials of a task, one a seed; no row is longer than a limit of the model's."""
    if isinstance(source, BaselineSource):
        recipe, name = Recipe(select_by="last"), source.reference
        method: Method = "baseline"
    else:
        recipe, name = resolve_recipe(task, source, request)
        method = "lora" if request.method == "finetune" and recipe.lora is not None else request.method
    hashes = _hashes(folder, task)
    return [
        Trial(
            task=task,
            data_folder=folder,
            model=request.model,
            model_sha256=source.files_sha256,
            method=method,
            recipe=recipe,
            recipe_name=name,
            seed=seed,
            output=request.output,
            overrides=request.overrides,
            max_length=_smaller(recipe.max_length, limit),
            train_limit=request.train_limit,
            dev_as_train=request.dev_as_train,
            data_sha256=hashes,
            keep_model=request.keep_models,
        )
        for seed in request.seeds
    ]


def _placed(task: Task, root: Path, request: RunRequest) -> tuple[Task, Path, list[str]]:
    """Return a task, the folder that holds its files, and how they were read where they were a table."""
    table = table_of(task, root, dev_as_train=request.dev_as_train)
    if table is None:
        return task, root, []
    place = request.output / "tables" / safe_name(task.name)
    imported = import_table(table, task.name, place, options_of(task))
    columns = imported.columns
    sizes = " ".join(f"{split} {int((imported.split == split).sum()):,}" for split in SPLITS)
    note = (
        f"{task.name}: {len(imported.table):,} rows, sequence '{', '.join(columns.sequences)}', "
        f"label '{', '.join(columns.labels)}' ({imported.task.kind}), {sizes}; {imported.how_split}"
    )
    return as_read(task, imported.task), imported.folder, [note]


def _contestant(request: RunRequest) -> ModelSource | BaselineSource:
    """Find the model, or the baseline in its place, which takes none of the settings of a fine-tuning."""
    if not is_baseline(request.model):
        return ModelSource.find(request.model)
    given = {
        "--lora or --probe": request.method not in ("finetune", "baseline"),
        "--recipe": request.recipe != PAPER,
        "--select-by": request.select_by is not None,
        "--max-length": request.max_length is not None,
        "--class-weights": request.class_weights is not None,
        "--set": bool(request.overrides),
    }
    for flag, present in given.items():
        if present:
            raise ConfigError(f"{flag}: {request.model} is no model that is fine-tuned; leave it out")
    return BaselineSource.find(request.model)


def _check(request: RunRequest) -> None:
    """Refuse now what would otherwise show after hours."""
    if request.track not in TRACKS:
        raise ConfigError(f"--track {request.track}: no such track; {suggest(request.track, TRACKS)}")
    if request.method == "probe" and (
        other := [task for task in request.tasks if task.kind != "classification"]
    ):
        raise ConfigError(f"--probe: {other[0].name} is a task of {other[0].kind}; a probe classifies only")
    for path in request.corpus:
        if not path.is_file():
            raise InputError(f"{path}: no such file; give the corpus as FASTA")
    if request.overrides:
        from dnamask_plugins.harness.training_arguments import check_overrides

        check_overrides(request.overrides)


def execute(
    plan: RunPlan, executor: Executor | None = None, *, quiet: bool = False, label: str = "trials"
) -> Iterator[tuple[Trial, TrialOutcome]]:
    """Run what is open; yield every trial with its outcome, the finished ones first.

    Parameters
    ----------
    plan : RunPlan
    executor : Executor, optional
        In this process by default.
    quiet : bool
        No progress bar.
    label : str
        What the bar is called.
    """
    yield from ((trial, plan.finished[trial]) for trial in plan.trials if trial in plan.finished)
    waiting = plan.open
    by_key = {(trial.task.name, trial.method, trial.seed): trial for trial in waiting}
    columns = (
        terminal.words("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        terminal.words("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    with terminal.bar(*columns, disable=quiet) as bar:
        row = bar.add_task(label, total=len(waiting))
        done = 0

        def inside(step: int, steps: int) -> None:
            bar.update(row, completed=done + step / max(steps, 1))

        with reporting(inside):
            for outcome in (executor or LocalExecutor()).map(run_trial, waiting):
                trial = by_key[outcome.task, cast(Method, outcome.method), outcome.seed]
                done += 1
                bar.update(row, completed=done, description=f"{label} (last: {trial})")
                yield trial, outcome


def _missing(folder: Path, task: Task, dev_as_train: bool) -> str | None:
    if table_of(task, folder, dev_as_train=dev_as_train) is not None:
        return None
    for split in ("test", "train", "dev") if task.has_dev else ("test", "train"):
        if find_file(folder, task, split) is None:
            dev = split == "train" and find_file(folder, task, "dev") is not None
            if dev and dev_as_train:
                continue
            hint = " or give --allow-dev-as-train" if dev else ""
            return f"{folder / task.name}: no {split} file for {task.name}; {task.how_to_get}{hint}"
    return None


def _position_limit(source: ModelSource) -> int | None:
    from dnamask_plugins.models.positions import max_positions

    return max_positions(read_config(source.reference))


def _hashes(folder: Path, task: Task) -> dict[str, str]:
    """Return the hashes of a task's files; of one that cannot be read none, and its trials will say why."""
    try:
        return hash_splits(folder, task)
    except DnamaskError:
        return {}


def _smaller(one: int | None, other: int | None) -> int | None:
    given = [value for value in (one, other) if value is not None]
    return min(given) if given else None


__all__ = ["RunPlan", "RunRequest", "execute", "plan_run", "resolve_recipe"]
