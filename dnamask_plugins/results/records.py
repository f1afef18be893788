"""Result records: what one model scored on one task, with everything needed to judge and repeat it.

A harness fills `ModelInfo`, `TaskInfo`, `RunInfo` and one `SeedOutcome` for each seed, and calls `write`:

    record = measured(model, task, run, seeds)
    path = write(record, seeds, "results")

`published` makes a record of a figure printed elsewhere. Files are written once and never changed.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np

from dnamask_plugins.config import fingerprint
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.files import write_atomically
from dnamask_plugins.results import predictions as prediction_files
from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.resampling import LEVEL, RESAMPLES, confusion, metric_of, resample

SCHEMA_VERSION: Final = 1
METHODS: Final = ("finetune", "lora", "probe", "baseline")
TRACKS: Final = ("standard", "gue_pretrained")

# What was measured does not change with these, so they take no part in a record's identity.
_CIRCUMSTANCES: Final = ("id", "created", "wall_time_s", "peak_memory_bytes")
_MAX_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class ModelInfo:
    """Which model, to the bit where that is known.

    Attributes
    ----------
    name : str
        What tables show.
    reference : str
        Hub id or folder, as the user gave it.
    revision, weights_sha256 : str or None
        Commit on the hub; SHA-256 of the weights file.
    backbone, tokenizer, strategy : str or None
        ``strategy`` is the masking strategy or curriculum of the pretraining.
    pretraining_steps, parameters : int or None
    curriculum_fingerprint : str or None
    track : {"standard", "gue_pretrained"}
        Models further pretrained on GUE's own sequences are ranked apart.
    """

    name: str
    reference: str = ""
    revision: str | None = None
    weights_sha256: str | None = None
    backbone: str | None = None
    tokenizer: str | None = None
    strategy: str | None = None
    pretraining_steps: int | None = None
    parameters: int | None = None
    curriculum_fingerprint: str | None = None
    track: str = "standard"


@dataclass(frozen=True)
class TaskInfo:
    """Which task; ``suite``: gue, gue_plus, fewshot or a third party's; ``data_sha256``: split to hash."""

    name: str
    suite: str
    metric: str
    classes: int
    species: str = "unknown"
    shots: int | None = None
    test_rows: int | None = None
    data_sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunInfo:
    """How the figures came about.

    Attributes
    ----------
    method : {"finetune", "lora", "probe", "baseline"}
    recipe : mapping
        ``{"name": ..., **settings}`` as they were used (plain JSON).
    select_by : str or None
        What chose the checkpoint, for example ``"dev mcc"`` or ``"dev loss"``.
    command : str
    effective_batch : int or None
        Sequences in one optimizer step, over all processes.
    processes : int
    hardware, libraries : mapping of str to str
    package_version : str
    wall_time_s : float or None
    peak_memory_bytes : int or None
    dev_as_train : bool
        The training file was missing and the development file stood in: never enters the leaderboard.
    truncated : mapping of str to int
        Split to number of sequences that were longer than the model takes.
    audit : mapping or None
        What the audit of the data set found (plain JSON).
    scale_note : str
        What a reader must know about the size of the experiment.
    """

    method: str = "finetune"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    select_by: str | None = None
    command: str = ""
    effective_batch: int | None = None
    processes: int = 1
    hardware: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    package_version: str = ""
    wall_time_s: float | None = None
    peak_memory_bytes: int | None = None
    dev_as_train: bool = False
    truncated: Mapping[str, int] = field(default_factory=dict)
    audit: Mapping[str, Any] | None = None
    scale_note: str = ""


@dataclass(frozen=True, eq=False)
class SeedOutcome:
    """One seed: its predictions, or the error that ended it.

    Attributes
    ----------
    seed : int
    predictions : Predictions or None
        None where the run failed.
    error : str
        One line; empty where the run went well.
    best_step : int or None
    dev : mapping of str to float
        Figures of the chosen checkpoint on the development split.
    wall_time_s : float or None
    """

    seed: int
    predictions: Predictions | None = None
    error: str = ""
    best_step: int | None = None
    dev: Mapping[str, float] = field(default_factory=dict)
    wall_time_s: float | None = None

    @property
    def status(self) -> str:
        """``"ok"``, ``"failed"`` (no predictions) or ``"collapsed"`` (all rows in one class)."""
        if self.predictions is None:
            return "failed"
        return "collapsed" if self.predictions.collapsed else "ok"


@dataclass(frozen=True)
class Provenance:
    """Where a published figure is printed, and ``value`` as it is printed there."""

    source: str
    table: str = ""
    url: str = ""
    printed: str = ""
    verified: bool = True
    note: str = ""


@dataclass(frozen=True)
class ResultRecord:
    """One model on one task. Metrics are fractions (0.85, not 85).

    Attributes
    ----------
    source : {"measured", "published"}
    model, task, run, provenance
        See their classes; ``run`` is None for published figures, ``provenance`` for measured ones.
    seeds : tuple of dict
        For each seed: ``seed, status, value, value_without_leaks, error, best_step, dev, wall_time_s,
        predictions`` (file name, sha256 and rows, or None).
    mean, std : float or None
        Over the seeds that gave a value (collapsed ones do); the standard deviation is that of a sample.
    interval : dict or None
        ``{"low", "high", "level", "resamples", "method"}``: percentile bootstrap of the mean over test rows.
    mean_without_leaks : float or None
    leaked_rows : int or None
    failed_seeds, collapsed_seeds : tuple of int
    created : str
        Time in UTC, ISO 8601.
    """

    source: str
    model: ModelInfo
    task: TaskInfo
    created: str
    mean: float | None
    std: float | None = None
    interval: Mapping[str, Any] | None = None
    mean_without_leaks: float | None = None
    leaked_rows: int | None = None
    seeds: tuple[Mapping[str, Any], ...] = ()
    failed_seeds: tuple[int, ...] = ()
    collapsed_seeds: tuple[int, ...] = ()
    run: RunInfo | None = None
    provenance: Provenance | None = None

    @functools.cached_property
    def id(self) -> str:
        """16 hex digits of the content, leaving out when it was made and how long it took."""
        return fingerprint(_without_circumstances(self.content()))

    def content(self) -> dict[str, Any]:
        """Return the record as plain JSON, without its id."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), allow_nan=False))
        return {"schema_version": SCHEMA_VERSION, **plain}

    def to_json(self) -> dict[str, Any]:
        """Return what stands in the file."""
        return {"id": self.id, **self.content()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any], where: str | os.PathLike[str] = "record") -> ResultRecord:
        """Build a record from the content of a file.

        Raises
        ------
        InputError
            The content does not keep the schema, or its id does not belong to it.
        """
        check_schema(content, where)
        values = {key: value for key, value in content.items() if key not in ("schema_version", "id")}
        values["model"] = ModelInfo(**values["model"])
        values["task"] = TaskInfo(**values["task"])
        values["run"] = None if values["run"] is None else RunInfo(**values["run"])
        values["provenance"] = None if values["provenance"] is None else Provenance(**values["provenance"])
        for key in ("seeds", "failed_seeds", "collapsed_seeds"):
            values[key] = tuple(values[key])
        record = cls(**values)
        if record.id != content["id"]:
            raise InputError(
                f"{where}: its id {content['id']} does not belong to its content ({record.id}); records are "
                "never edited, write a new one"
            )
        return record


def measured(
    model: ModelInfo,
    task: TaskInfo,
    run: RunInfo,
    seeds: Sequence[SeedOutcome],
    *,
    created: str | None = None,
    resamples: int = RESAMPLES,
) -> ResultRecord:
    """Compute metric, spread and interval from the predictions of the seeds.

    Parameters
    ----------
    model, task, run
        What was run.
    seeds : sequence of SeedOutcome
        All seeds, the failed ones too.
    created : str, optional
        Time in UTC, ISO 8601; now by default.
    resamples : int

    Returns
    -------
    ResultRecord

    Raises
    ------
    ConfigError
        No seeds, a seed twice, or a word that is none of the known ones.
    InputError
        A label or prediction outside the classes, or seeds that saw different test rows.

    Examples
    --------
    >>> labels = np.array([0, 0, 1, 1])
    >>> task = TaskInfo("toy/at_or_gc", "toy", "accuracy", 2)
    >>> seeds = [SeedOutcome(0, Predictions(labels, np.array([0, 0, 1, 0])))]
    >>> measured(ModelInfo("tiny"), task, RunInfo(), seeds).mean
    0.75
    """
    _check_words(model, run)
    numbers = [seed.seed for seed in seeds]
    if not seeds or len(set(numbers)) != len(numbers):
        raise ConfigError(
            f"{task.name}: seeds {numbers} must be at least one, each once; correct the list of seeds"
        )
    done = [seed for seed in seeds if seed.predictions is not None]
    kept = [_checked(seed, task, done[0]) for seed in done]
    values = [score(predictions, task) for predictions in kept]
    leaked = kept[0].leaked if kept else None
    without = [None if leaked is None else score_without_leaks(predictions, task) for predictions in kept]
    known_without = [value for value in without if value is not None]
    entries, row = [], 0
    for seed in seeds:
        scored = seed.predictions is not None
        entries.append(
            _seed_entry(seed, task, values[row] if scored else None, without[row] if scored else None)
        )
        row += scored
    if kept:
        task = TaskInfo(**(asdict(task) | {"test_rows": len(kept[0])}))
    return ResultRecord(
        source="measured",
        model=model,
        task=task,
        created=created or datetime.now(timezone.utc).isoformat(timespec="seconds"),
        mean=float(np.mean(values)) if values else None,
        std=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        interval=bootstrap_interval(kept, task, resamples) if kept else None,
        mean_without_leaks=float(np.mean(known_without)) if known_without else None,
        leaked_rows=None if leaked is None else int(leaked.sum()),
        seeds=tuple(entries),
        failed_seeds=tuple(seed.seed for seed in seeds if seed.status == "failed"),
        collapsed_seeds=tuple(seed.seed for seed in seeds if seed.status == "collapsed"),
        run=run,
    )


def published(
    model: ModelInfo, task: TaskInfo, value: float, provenance: Provenance, *, std: float | None = None
) -> ResultRecord:
    """Make the record of a figure that is printed elsewhere (`value` as a fraction).

    It carries no time of making: the same figure is the same file.
    """
    _check_words(model, None)
    return ResultRecord("published", model, task, "", value, std, provenance=provenance)


def score(predictions: Predictions, task: TaskInfo) -> float:
    """Compute the task's metric from predictions."""
    return float(metric_of(task.metric, confusion(predictions.labels, predictions.predictions, task.classes)))


def score_without_leaks(predictions: Predictions, task: TaskInfo) -> float | None:
    """Compute the metric over the rows that do not stand in the training data; None where none is left."""
    rest = (
        None if predictions.leaked is not None and predictions.leaked.all() else predictions.without_leaks()
    )
    return None if rest is None else score(rest, task)


def bootstrap_interval(predictions: Sequence[Predictions], task: TaskInfo, resamples: int) -> dict[str, Any]:
    """Return the 95% percentile bootstrap interval, over test rows, of the mean over the seeds."""
    drawn = resample(
        task.metric,
        predictions[0].labels,
        [item.predictions for item in predictions],
        task.classes,
        resamples=resamples,
    )
    low, high = drawn.interval_of_mean()
    return {
        "low": low,
        "high": high,
        "level": LEVEL,
        "resamples": resamples,
        "method": "percentile over test rows",
    }


def check_schema(content: Any, where: str | os.PathLike[str]) -> None:
    """Refuse what does not keep ``schemas/result.schema.json``.

    Raises
    ------
    InputError
        Names the file and the place in it.
    """
    error = next(iter(_validator().iter_errors(content)), None)
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path) or "the top"
        raise InputError(f"{where}: at {place}: {error.message[:200]}; see `dnamask results schema`")


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a record."""
    text = (files("dnamask_plugins.results") / "schemas" / "result.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@functools.cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema())


def safe_name(name: str) -> str:
    """Turn any name into one that is a plain file name everywhere; ids and hashes keep the files apart.

    Examples
    --------
    >>> safe_name("EMP/H3"), safe_name("../../etc/passwd"), safe_name("<b>")
    ('emp.h3', 'etc.passwd', 'b')
    """
    plain = re.sub(r"[^a-z0-9._-]+", "_", name.lower().replace("/", "."))
    return re.sub(r"\.{2,}", ".", plain).strip("._-")[:64].rstrip("._-") or "unnamed"


def path_of(record: ResultRecord, folder: str | os.PathLike[str]) -> Path:
    """Return where a record belongs: ``FOLDER/<model>/<task>.<id>.json``."""
    return Path(folder) / safe_name(record.model.name) / f"{safe_name(record.task.name)}.{record.id}.json"


def write(record: ResultRecord, seeds: Sequence[SeedOutcome], folder: str | os.PathLike[str]) -> Path:
    """Write a record and its predictions beside it; nothing that exists is changed.

    A record with the same content as one that is there (but for time and memory) is not written again.

    Returns
    -------
    Path
        The record's file.

    Raises
    ------
    InputError
        The folder cannot be written, or the record does not keep the schema.
    """
    beside = path_of(record, folder).parent
    by_seed = {seed.seed: seed for seed in seeds}
    for entry in record.seeds:
        if entry["predictions"] is not None:
            outcome = by_seed[entry["seed"]].predictions
            assert outcome is not None
            _write_once(beside / entry["predictions"]["file"], prediction_files.encode(outcome))
    return write_record(record, folder)


def write_record(record: ResultRecord, folder: str | os.PathLike[str]) -> Path:
    """Write a record without its predictions; what exists stays as it is.

    Raises
    ------
    InputError
        The record does not keep the schema.
    """
    path = path_of(record, folder)
    _write_once(path, to_text(record, path).encode())
    return path


def to_text(record: ResultRecord, where: str | os.PathLike[str] = "record") -> str:
    """Return the file's text: indented JSON with sorted keys.

    Raises
    ------
    InputError
        The record does not keep the schema.
    """
    content = record.to_json()
    check_schema(content, where)
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"


def read(path: str | os.PathLike[str]) -> ResultRecord:
    """Read one record.

    Raises
    ------
    InputError
        The file is missing, is not JSON, does not keep the schema or was edited.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: larger than any record; is it one?")
        content = json.loads(path.read_text("utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); give a record or a folder of records"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({str(error)[:120]}); is it a result record?") from None
    return ResultRecord.from_json(content, path)


def find(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Return the record files at or below some paths, in a fixed order.

    Folders called ``units`` are left out: there a run keeps what it needs to go on.

    Raises
    ------
    InputError
        A path does not exist.
    """
    found: set[Path] = set()
    for path in map(Path, paths):
        if path.is_dir():
            found.update(file for file in path.rglob("*.json") if _is_record(file.relative_to(path)))
        elif path.is_file():
            found.add(path)
        else:
            raise InputError(f"{path}: no such file or folder; give a record or a folder of records")
    return sorted(found)


def _is_record(path: Path) -> bool:
    return (
        re.fullmatch(r"[a-z0-9._-]+\.[0-9a-f]{16}\.json", path.name) is not None and "units" not in path.parts
    )


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not a JSON number")


def _check_words(model: ModelInfo, run: RunInfo | None) -> None:
    if model.track not in TRACKS:
        raise ConfigError(f"track '{model.track}' of {model.name} is none of {', '.join(TRACKS)}; correct it")
    if run is not None and run.method not in METHODS:
        raise ConfigError(f"method '{run.method}' is none of {', '.join(METHODS)}; correct it")


def _checked(seed: SeedOutcome, task: TaskInfo, first: SeedOutcome) -> Predictions:
    predictions, reference = seed.predictions, first.predictions
    assert predictions is not None
    assert reference is not None
    for what, values in (("label", predictions.labels), ("prediction", predictions.predictions)):
        if int(np.min(values)) < 0 or int(np.max(values)) >= task.classes:
            raise InputError(
                f"{task.name}: seed {seed.seed} has a {what} outside 0..{task.classes - 1}; correct them"
            )
    flags = [each.leaked for each in (predictions, reference) if each.leaked is not None]
    same_leaks = not flags or (len(flags) == 2 and np.array_equal(*flags))
    if not np.array_equal(predictions.labels, reference.labels) or not same_leaks:
        raise InputError(
            f"{task.name}: seeds {first.seed} and {seed.seed} saw different test rows; use one file"
        )
    return predictions


def _seed_entry(
    seed: SeedOutcome, task: TaskInfo, value: float | None, without: float | None
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "seed": seed.seed,
        "status": seed.status,
        "value": value,
        "value_without_leaks": without,
        "error": " ".join(seed.error.split())[:500],
        "best_step": seed.best_step,
        "dev": {key: float(number) for key, number in seed.dev.items()},
        "wall_time_s": seed.wall_time_s,
        "predictions": None,
    }
    if seed.predictions is not None:
        digest = prediction_files.sha256_of(prediction_files.encode(seed.predictions))
        entry["predictions"] = {
            "file": f"{safe_name(task.name)}.seed-{seed.seed}.{digest[:16]}.csv.gz",
            "sha256": digest,
            "rows": len(seed.predictions),
        }
    return entry


def _without_circumstances(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_circumstances(item) for key, item in value.items() if key not in _CIRCUMSTANCES}
    if isinstance(value, list):
        return [_without_circumstances(item) for item in value]
    return value


def _write_once(path: Path, content: bytes) -> None:
    if not path.exists():
        write_atomically(path, content)


__all__ = [
    "METHODS",
    "TRACKS",
    "ModelInfo",
    "Predictions",
    "Provenance",
    "ResultRecord",
    "RunInfo",
    "SeedOutcome",
    "TaskInfo",
    "measured",
    "published",
    "read",
    "write",
]
