"""Units of work: one task with one seed, from files to a finished outcome."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from dnamask_plugins import __version__
from dnamask_plugins.config import fingerprint
from dnamask_plugins.environment import peak_memory
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.files import safe_name
from dnamask_plugins.harness.answers import answers
from dnamask_plugins.harness.audit import leaked_rows
from dnamask_plugins.harness.data import LabelledData, TaskData, draw_shots, limit_rows, read_task
from dnamask_plugins.harness.encoding import EncodedData, encode_data
from dnamask_plugins.harness.model_source import ModelSource
from dnamask_plugins.harness.outcome import UnitOutcome, read_outcome, write_outcome
from dnamask_plugins.results.scoring import scores_of
from dnamask_plugins.tasks import Task
from dnamask_plugins.tasks.recipes import Recipe

Method = Literal["finetune", "lora", "probe", "baseline"]
UNIT_FORMAT: Final = 2
"""Raised when units of an earlier version must not be taken for finished ones."""

_progress: ContextVar[Callable[[int, int], None] | None] = ContextVar("unit_progress", default=None)


@dataclass(frozen=True, eq=False)
class Unit:
    """All that a worker needs, on this machine or another that sees the same folders.

    Attributes
    ----------
    task : Task
    data_folder : Path
        Where the suite lies.
    model : str
        Folder or hub id.
    model_sha256 : mapping of str to str
        Of its weights, its configuration and its tokenizer; of a baseline the identity of what it fits.
    method : {"finetune", "lora", "probe", "baseline"}
    recipe : Recipe
    recipe_name : str
    seed : int
    overrides : mapping
        Fields of `transformers.TrainingArguments`.
    max_length : int or None
        Tokens; None = the model's limit.
    train_limit : int or None
        Train on a random part of the rows.
    dev_as_train : bool
        Allow dev to stand in for a missing train file.
    data_sha256 : mapping of str to str
        Split to hash: other files make another unit.
    output : Path
        Folder for outcomes.
    keep_model : bool
        Write the fine-tuned model and its history into `model_folder`.
    """

    task: Task
    data_folder: Path
    model: str
    model_sha256: Mapping[str, str]
    method: Method
    recipe: Recipe
    recipe_name: str
    seed: int
    output: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)
    max_length: int | None = None
    train_limit: int | None = None
    dev_as_train: bool = False
    data_sha256: Mapping[str, str] = field(default_factory=dict)
    keep_model: bool = False

    @property
    def identity(self) -> str:
        """16 hex digits of everything that the figures depend on."""
        return fingerprint(
            {
                "format": UNIT_FORMAT,
                "task": self.task.name,
                "metric": self.task.metric,
                "shots": self.task.shots,
                "version": __version__,
                "kind": self.task.kind,
                "classes": self.task.classes,
                "pair": self.task.pair,
                "layout": self.task.layout,
                "model": dict(self.model_sha256),
                "method": self.method,
                "recipe": {key: value for key, value in self.recipe.to_dict().items() if key != "note"},
                "seed": self.seed,
                "overrides": {key: self.overrides[key] for key in sorted(self.overrides)},
                "max_length": self.max_length,
                "train_limit": self.train_limit,
                "dev_as_train": self.dev_as_train,
                "data": dict(self.data_sha256),
            }
        )

    @property
    def path(self) -> Path:
        """File of the outcome; other settings have another."""
        name = f"{safe_name(self.task.name)}.{self.method}.seed-{self.seed}.{self.identity}.json"
        return self.output / "units" / name

    @property
    def model_folder(self) -> Path:
        """Folder of the fine-tuned model, where it is kept."""
        return self.output / "models" / f"{safe_name(self.task.name)}.seed-{self.seed}.{self.identity}"

    def __str__(self) -> str:
        return f"{self.task.name} seed {self.seed}"


@contextlib.contextmanager
def reporting(progress: Callable[[int, int], None]) -> Iterator[None]:
    """Have units that run in this process report how far they are."""
    token = _progress.set(progress)
    try:
        yield
    finally:
        _progress.reset(token)


def run_unit(unit: Unit) -> UnitOutcome:
    """Run a unit and write its outcome; an error becomes an outcome too, so that the others go on."""
    started = time.perf_counter()
    try:
        outcome = _run(unit, started)
    except DnamaskError as error:
        outcome = _failed(unit, str(error), started)
    except Exception as error:  # whatever ends one unit must not end the night's run
        outcome = _failed(unit, f"{type(error).__name__}: {error}", started)
    write_outcome(unit.path, outcome)
    # What the file says, with its rounding, is what a resumed run will see too.
    return read_outcome(unit.path) or outcome


def _failed(unit: Unit, reason: str, started: float) -> UnitOutcome:
    line = " ".join(reason.split())[:500]
    return UnitOutcome(
        unit.task.name,
        unit.method,
        unit.seed,
        error=line,
        wall_time_s=round(time.perf_counter() - started, 3),
    )


def _run(unit: Unit, started: float) -> UnitOutcome:
    _start_memory()
    metric = unit.task.metric
    if unit.method == "baseline":
        data = read_task(unit.data_folder, unit.task, dev_as_train=unit.dev_as_train)
        scores, facts = _baseline(unit, data)
        return _outcome(unit, data, scores, facts, started)
    source = _source(unit.model, fingerprint(dict(unit.model_sha256)))
    data, encoded = encode_unit(unit)
    train, dev, test = _chosen(unit, data, encoded, source)
    if unit.method == "probe":
        from dnamask_plugins.harness.probe import probe

        probed = probe(source, train, dev, test, data.classes, metric, unit.seed, _progress.get())
        scores, facts = (
            probed.scores,
            {
                "dev": probed.dev,
                "recipe": {"name": "probe", "C": probed.penalty, "pooling": "mean over nucleotide tokens"},
                "padding": probed.padding,
                "parameters": probed.parameters,
            },
        )
    else:
        from dnamask_plugins.harness.finetune import FineTuneSettings, fine_tune
        from dnamask_plugins.harness.kept_models import save_classifier, write_history

        settings = FineTuneSettings(unit.recipe, unit.overrides)
        keep = functools.partial(save_classifier, unit=unit, source=source) if unit.keep_model else None
        tuned = fine_tune(
            source, train, dev, test, data.classes, metric, settings, unit.seed, _progress.get(), save=keep
        )
        if unit.keep_model:
            write_history(unit, tuned.history)
        scores, facts = (
            tuned.logits,
            {
                "dev": tuned.dev,
                "best_step": tuned.best_step,
                "steps": tuned.steps,
                "recipe": {"name": unit.recipe_name, **unit.recipe.to_dict(), **tuned.used},
                "padding": tuned.padding,
                "parameters": tuned.parameters,
                "trainable": tuned.trainable,
                "effective_batch": tuned.effective_batch,
                "processes": tuned.processes,
            },
        )
    facts |= {
        "train_rows": len(train),
        "truncated": {name: split.truncated for name, split in encoded.items()},
    }
    return _outcome(unit, data, scores, facts, started)


def _baseline(unit: Unit, data: TaskData) -> tuple[Any, dict[str, Any]]:
    from dnamask_plugins.harness.baselines import PREFIX, Rows, fit_baseline

    train = _training_rows(unit, data)
    # What a floor was fitted on cannot choose its settings.
    dev = None if data.dev_as_train else data.dev
    rows = Rows(train, dev, data.test, data.classes, unit.task.metric)
    fitted = fit_baseline(unit.model.removeprefix(PREFIX), rows, unit.seed, _progress.get())
    return fitted.scores, {
        "dev": fitted.dev,
        "recipe": {"name": unit.model, **fitted.settings, "select_by": fitted.select_by},
        "parameters": fitted.parameters,
        "trainable": fitted.parameters,
        "train_rows": len(train),
    }


def _outcome(unit: Unit, data: TaskData, scores: Any, facts: dict[str, Any], started: float) -> UnitOutcome:
    leaked = leaked_rows(data)
    predictions = answers(data.test.labels, scores, leaked)
    figures = scores_of(predictions, data.classes)
    if leaked.any() and not leaked.all():
        rest = scores_of(predictions.without_leaks(), data.classes)
        figures |= {f"{name}_without_leaks": value for name, value in rest.items()}
    recipe = dict(facts.pop("recipe"))
    recipe |= {
        "max_length": unit.max_length,
        "train_limit": unit.train_limit,
        "overrides": dict(unit.overrides),
    }
    if unit.task.shots is not None:
        recipe["shots_drawn_with_seed"] = unit.seed
    return UnitOutcome(
        task=unit.task.name,
        method=unit.method,
        seed=unit.seed,
        predictions=predictions,
        classes=data.classes,
        scores=figures,
        recipe=recipe,
        dev_as_train=data.dev_as_train,
        data_sha256={name: split.sha256 for name, split in data.splits.items()},
        wall_time_s=round(time.perf_counter() - started, 3),
        peak_memory_bytes=peak_memory(),
        **facts,
    )


def _chosen(
    unit: Unit, data: TaskData, encoded: Mapping[str, EncodedData], source: ModelSource
) -> tuple[EncodedData, EncodedData | None, EncodedData]:
    """Return what this unit trains, selects and tests on."""
    dev, test = encoded.get("dev"), encoded["test"]
    if data.dev_as_train:
        assert dev is not None
        if unit.train_limit is None or unit.train_limit >= len(dev):
            return dev, dev, test
    part = _training_rows(unit, data)
    if part is data.train:
        return encoded["train"], dev, test
    return encode_data(part, source.tokenizer, unit.max_length), dev, test


def _training_rows(unit: Unit, data: TaskData) -> LabelledData:
    """Return the rows of train that this unit learns from."""
    part = data.train
    if unit.task.shots is not None:
        part = draw_shots(part, unit.task.shots, unit.seed)
    return limit_rows(part, unit.train_limit, unit.seed)


@functools.lru_cache(maxsize=1)
def _source(model: str, identity: str) -> ModelSource:
    """Return the model, kept for the next unit as long as its files are the same."""
    return ModelSource.find(model)


# One task at a time: its seeds follow each other, and a suite does not fit in memory.
_cache: dict[str, Any] = {}


def encode_unit(unit: Unit) -> tuple[TaskData, dict[str, EncodedData]]:
    """Read and tokenize a task, once for all its seeds."""
    model = fingerprint(dict(unit.model_sha256))
    parts = [unit.task.name, str(unit.data_folder), model, unit.dev_as_train, unit.max_length]
    key = fingerprint([*parts, dict(unit.data_sha256)])
    if key not in _cache:
        _cache.clear()
        data = read_task(unit.data_folder, unit.task, dev_as_train=unit.dev_as_train)
        tokenizer = _source(unit.model, model).tokenizer
        encoded = {
            name: encode_data(split, tokenizer, unit.max_length) for name, split in data.splits.items()
        }
        _cache[key] = data, encoded
    result: tuple[TaskData, dict[str, EncodedData]] = _cache[key]
    return result


def _start_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
