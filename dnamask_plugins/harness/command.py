"""What ``dnamask gue`` and ``dnamask fewshot`` do, apart from reading their flags."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dnamask_plugins import terminal
from dnamask_plugins.config import parse_assignments
from dnamask_plugins.errors import ConfigError, InputError, PluginError
from dnamask_plugins.locks import locked_folder
from dnamask_plugins.processes import require_one_process
from dnamask_plugins.tasks import SPLITS, Task, all_suites, select_tasks
from dnamask_plugins.tasks.metrics import METRICS, shown

if TYPE_CHECKING:
    from dnamask_plugins.harness.outcome import TrialOutcome
    from dnamask_plugins.harness.runner import RunPlan
    from dnamask_plugins.harness.trials import Trial
    from dnamask_plugins.tasks.audit import TaskAudit

MethodName = Literal["finetune", "lora", "probe", "baseline"]


@dataclass(frozen=True)
class RunFlags:
    """The flags of ``run``, as they were given."""

    model: str
    folder: Path
    out: Path
    tasks: str
    suites: tuple[str, ...]
    seeds: str
    method: MethodName
    recipe: str
    select_by: str | None = None
    max_length: int | None = None
    settings: tuple[str, ...] = ()
    train_limit: int | None = None
    dev_as_train: bool = False
    drop_leaks: bool = False
    corpus: tuple[Path, ...] = ()
    name: str | None = None
    track: str = "standard"
    executor: str = "local"
    address: str | None = None


def method_of(lora: bool, probe: bool) -> MethodName:
    """Return the method that two flags mean."""
    if lora and probe:
        raise ConfigError("--lora and --probe exclude each other; give one of them")
    return "lora" if lora else "probe" if probe else "finetune"


def default_seeds(model: str, method: MethodName) -> str:
    """Return the seeds where none are given: one is enough where figures do not depend on it."""
    from dnamask_plugins.harness.baselines import BaselineSource, is_baseline

    varies = BaselineSource.find(model).varies if is_baseline(model) else method != "probe"
    return "0,1,2" if varies else "0"


def tasks_of(expression: str, suites: Sequence[str]) -> tuple[Task, ...]:
    """Pick tasks; ``all`` means the first suite, a suite's name all of its tasks."""
    known = all_suites()
    if suites[0] not in known:
        raise PluginError(
            f"the tasks of {suites[0]} do not load (see the warning); install dnamask-plugins again"
        )
    chosen: dict[str, Task] = {}
    for word in filter(None, (part.strip() for part in expression.split(","))):
        if word in known:
            found: Sequence[Task] = known[word]
        else:
            others = [task for name, tasks in known.items() if name != suites[0] for task in tasks]
            found = select_tasks(
                word, known[suites[0]], [task for task in others if _is_for(task, suites, known)]
            )
        chosen.update((task.name, task) for task in found)
    if not chosen:
        raise ConfigError(
            "no task was named; give --tasks all, a group such as prom, or names such as EMP/H3"
        )
    return tuple(chosen.values())


def _is_for(task: Task, suites: Sequence[str], known: Mapping[str, Sequence[Task]]) -> bool:
    """Whether a task of another suite can be asked for: one of this command's, or a third party's."""
    return task.suite in suites or task.suite not in ("gue", "gue_plus", "fewshot")


def parse_seeds(text: str) -> tuple[int, ...]:
    """Turn ``0,1,2`` into numbers.

    Examples
    --------
    >>> parse_seeds("0,1, 2")
    (0, 1, 2)
    """
    try:
        seeds = tuple(dict.fromkeys(int(word) for word in text.split(",") if word.strip()))
    except ValueError:
        raise ConfigError(f"--seeds {text}: give whole numbers by comma, for example 0,1,2") from None
    if not seeds or min(seeds) < 0:
        raise ConfigError(f"--seeds {text}: give whole numbers from 0, for example 0,1,2")
    return seeds


def run_command(flags: RunFlags) -> int:
    """Run what is open, write the records, print a table; returns the exit code (1 where a trial failed)."""
    require_one_process(f"{flags.suites[0]} run")
    tasks = tasks_of(flags.tasks, flags.suites)
    seeds = parse_seeds(flags.seeds)
    settings = parse_assignments(flags.settings)

    import transformers

    from dnamask_plugins.executors import make_executor
    from dnamask_plugins.harness.recording import write_records
    from dnamask_plugins.harness.runner import RunRequest, execute, plan_run

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    request = RunRequest(
        model=flags.model,
        data_folder=flags.folder,
        tasks=tasks,
        seeds=seeds,
        output=flags.out,
        method=flags.method,
        recipe=flags.recipe,
        select_by=flags.select_by,
        max_length=flags.max_length,
        overrides=settings,
        train_limit=flags.train_limit,
        dev_as_train=flags.dev_as_train,
        skip_missing=len(tasks) > 1 and not _named_one_by_one(flags.tasks),
        corpus=flags.corpus,
        model_name=flags.name,
        track=flags.track,
    )
    notes = terminal.console(stderr=True)
    plan = plan_run(request)
    for reason in plan.left_out.values():
        notes.print(f"left out: {reason}", soft_wrap=True)
    for reason in plan.broken.values():
        notes.print(f"failed: {reason}", soft_wrap=True)
    for note in plan.notes:
        notes.print(note, soft_wrap=True)
    if plan.finished:
        notes.print(f"{len(plan.finished)} of {len(plan.trials)} trials are finished and skipped")
    outcomes: dict[Trial, TrialOutcome] = {}
    unrecorded: list[str] = []

    def not_recorded(task: str, reason: str) -> None:
        unrecorded.append(task)
        notes.print(f"not recorded: {task}: {reason}", soft_wrap=True)

    with locked_folder(flags.out):
        for trial, outcome in execute(plan, make_executor(flags.executor, flags.address)):
            outcomes[trial] = outcome
            if outcome.status == "failed":
                notes.print(f"failed: {trial}: {outcome.error}", soft_wrap=True)
        records = write_records(request, plan, outcomes, not_recorded)
    page().print(_table(plan, outcomes, flags.drop_leaks))
    notes.print(f"{len(records)} records in {flags.out / 'records'}", soft_wrap=True)
    return int(
        bool(unrecorded)
        or bool(plan.broken)
        or any(outcome.status == "failed" for outcome in outcomes.values())
    )


def page() -> Any:
    """Return standard output; in a file or a pipe lines are as long as the table needs."""
    return terminal.console(width=None if sys.stdout.isatty() else 200)


def _named_one_by_one(expression: str) -> bool:
    """Whether every word names one task, so that a missing one is an error."""
    return all("/" in word and not word.endswith(".toml") for word in expression.split(",") if word.strip())


def _table(plan: RunPlan, outcomes: Mapping[Trial, TrialOutcome], drop_leaks: bool) -> Any:
    from rich.table import Table

    table = Table(title=None, caption="scores x 100")
    for column in ("task", "metric", "mean", "std", "seeds", "remarks"):
        table.add_column(column, justify="right" if column in ("mean", "std", "seeds") else "left")
    if drop_leaks:
        table.add_column("without leaks", justify="right")
    by_task: dict[str, list[tuple[Trial, TrialOutcome]]] = defaultdict(list)
    for trial, outcome in outcomes.items():
        by_task[trial.task.name].append((trial, outcome))
    for name, pairs in by_task.items():
        metric = pairs[0][0].task.metric
        good = [outcome for _, outcome in pairs if outcome.status != "failed"]
        values = [outcome.scores[metric] for outcome in good]
        row = [
            name,
            METRICS[metric].title,
            shown(float(np.mean(values))) if values else "-",
            shown(float(np.std(values, ddof=1))) if len(values) > 1 else "-",
            f"{len(good)}/{len(pairs)}",
            "; ".join(_remarks(pairs)),
        ]
        if drop_leaks:
            rest = [outcome.scores.get(f"{metric}_without_leaks", outcome.scores[metric]) for outcome in good]
            row.append(shown(float(np.mean(rest))) if rest else "-")
        table.add_row(*row)
    return table


def _remarks(pairs: Sequence[tuple[Trial, TrialOutcome]]) -> list[str]:
    outcomes = [outcome for _, outcome in pairs]
    remarks = []
    collapsed = [outcome.seed for outcome in outcomes if outcome.status == "collapsed"]
    failed = [outcome.seed for outcome in outcomes if outcome.status == "failed"]
    if collapsed:
        remarks.append(f"one class only in seed {', '.join(map(str, collapsed))}")
    if failed:
        remarks.append(f"failed: seed {', '.join(map(str, failed))}")
    if any(outcome.dev_as_train for outcome in outcomes):
        remarks.append("trained on dev")
    cut = max(pairs, key=lambda pair: sum(pair[1].truncated.values()))
    return remarks + _cut_rows(*cut)


def _cut_rows(trial: Trial, outcome: TrialOutcome) -> list[str]:
    """Say how many rows of how many lost their end, and behind how many tokens."""
    splits = (outcome.audit or {}).get("splits", {})
    cut = [
        f"{count:,} of {splits[split]['rows']:,} {split} rows"
        if split in splits
        else f"{count:,} {split} rows"
        for split, count in outcome.truncated.items()
        if count
    ]
    return [f"cut at {trial.max_length} tokens: {', '.join(cut)}"] if cut else []


def audit_command(
    folder: Path, expression: str, suites: Sequence[str], corpus: tuple[Path, ...], json_out: Path | None
) -> None:
    """Audit tasks, print a table and write the findings."""
    from dnamask_plugins.files import write_json
    from dnamask_plugins.tasks.audit import audit_task, search_corpus
    from dnamask_plugins.tasks.data import find_file, read_task, suite_root

    root = suite_root(folder)
    asked = tasks_of(expression, suites)
    present = [task for task in asked if find_file(root, task, "test") is not None]
    missing = [task.name for task in asked if task not in present]
    if not present:
        raise InputError(
            f"{root}: holds none of {', '.join(missing[:4])}...; get them with `dnamask gue download`"
        )
    console = terminal.console(stderr=True)
    audits: list[TaskAudit] = []
    with terminal.bar() as bar:
        row = bar.add_task("reading", total=len(present))
        data = []
        for task in present:
            data.append(read_task(root, task, dev_as_train=True))
            bar.advance(row)
        found = {}
        if corpus:
            row = bar.add_task("corpus (nucleotides)", total=None)
            found = search_corpus(data, corpus, lambda size: bar.advance(row, size))
        row = bar.add_task("audit", total=len(present))
        for item in data:
            bar.update(row, description=item.task.name)
            audits.append(audit_task(item, found.get(item.task.name)))
            bar.advance(row)
    if json_out is not None:
        write_json(json_out, {"tasks": [item.to_json() for item in audits], "missing": missing})
    page().print(_audit_table(audits))
    if missing:
        console.print(f"not there: {', '.join(missing)}", soft_wrap=True)


def _audit_table(audits: Sequence[TaskAudit]) -> Any:
    from rich.table import Table

    table = Table(title="sequences that occur elsewhere too (in brackets: on the other strand)")
    corpus = any(item.corpus for item in audits)
    columns = [
        "task",
        "rows",
        "length",
        "classes",
        "duplicate rows",
        "test in train",
        "other label",
        "dev in train",
    ]
    for column in [*columns, "files", *(["in the corpus"] if corpus else [])]:
        table.add_column(column, justify="left" if column in ("task", "files") else "right")
    for item in audits:
        splits = item.splits
        across = {(overlap.split, overlap.within): overlap for overlap in item.overlaps}
        test, dev = across.get(("test", "train")), across.get(("dev", "train"))
        known = [split.as_published for split in splits.values()]
        row = [
            item.task,
            " ".join(f"{splits[name].rows:,}" if name in splits else "-" for name in SPLITS),
            f"{min(s.shortest for s in splits.values())}-{max(s.longest for s in splits.values())}",
            str(len(set().union(*(split.classes for split in splits.values())))),
            " ".join(str(splits[name].duplicate_rows) if name in splits else "-" for name in SPLITS),
            "-" if test is None else f"{test.sequences} ({test.reverse_complements})",
            "-" if test is None else str(test.other_label),
            "-" if dev is None else f"{dev.sequences} ({dev.reverse_complements})",
            "other than published" if False in known else "as published" if True in known else "unknown",
        ]
        if corpus:
            row.append(
                " ".join(f"{part.split} {part.rows / splits[part.split].rows:.1%}" for part in item.corpus)
            )
        table.add_row(*row)
    return table


def download_command(folder: Path, expression: str, suites: Sequence[str], dataset: str | None) -> int:
    """Fetch data sets; returns the exit code (1 where a file could not be had)."""
    from dnamask_plugins.harness.download import download

    tasks = tasks_of(expression, suites)
    console = terminal.console(stderr=True)
    counts: dict[str, int] = defaultdict(int)
    with terminal.bar() as bar:
        row = bar.add_task("download", total=len(tasks) * len(SPLITS))
        for item in download(tasks, folder, dataset=dataset):
            counts[item.status] += 1
            bar.update(row, advance=1, description=f"{item.task} {item.split}")
            if item.status == "failed":
                console.print(f"failed: {item.task} {item.split}: {item.detail}")
            elif item.as_published is False:
                console.print(f"{item.path}: other bytes than the published file")
    console.print(
        f"files: {counts['fetched']} fetched, {counts['kept']} kept, {counts['failed']} failed; run again",
        highlight=False,
    )
    return int(counts["failed"] > 0)
