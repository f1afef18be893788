"""Result records: what one model scored on one task, with everything needed to judge and repeat it.

`measuring.measured` computes one from predictions, `published.record_of` takes one from a paper, and
`record_files` writes, finds and reads them. A record is never changed.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dnamask_plugins.errors import InputError
from dnamask_plugins.results.methods import STANDARD
from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.record_format import in_format, record_id
from dnamask_plugins.results.schema import FORMAT, check_schema
from dnamask_plugins.tasks.metrics import Kind


@dataclass(frozen=True)
class ModelInfo:
    """Which model, to the bit where that is known.

    Attributes
    ----------
    name : str
        What tables show.
    reference : str
        Hub id or folder, as the user gave it.
    revision, weights_sha256, config_sha256, tokenizer_sha256 : str or None
        Commit on the hub; SHA-256 of the weights, of the configuration and of the tokenizer's files.
    backbone, tokenizer, strategy : str or None
        ``strategy`` is the masking strategy or curriculum of the pretraining.
    pretraining_steps, pretraining_tokens, parameters : int or None
        ``pretraining_tokens`` is the number of tokens that were seen.
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
    track: str = STANDARD
    config_sha256: str | None = None
    tokenizer_sha256: str | None = None
    pretraining_tokens: int | None = None


@dataclass(frozen=True)
class TaskInfo:
    """Which task.

    Attributes
    ----------
    name, suite, metric : str
        ``suite``: gue, gue_plus, fewshot or a third party's.
    classes : int
        Classes, labels of a multi-label task, or 1 for a regression.
    shots, test_rows : int or None
    data_sha256 : mapping of str to str
        Split to hash.
    kind : {"classification", "regression", "multi_label"}
    """

    name: str
    suite: str
    metric: str
    classes: int
    species: str = "unknown"
    shots: int | None = None
    test_rows: int | None = None
    data_sha256: Mapping[str, str] = field(default_factory=dict)
    kind: Kind = "classification"


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
    rows : mapping of str to int
        Split to number of rows that were used.
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
    rows: Mapping[str, int] = field(default_factory=dict)


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
    best_step, steps : int or None
        Optimizer steps up to the chosen checkpoint, and in all.
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
    steps: int | None = None

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
        For each seed: ``seed, status, value, value_without_leaks, scores, error, best_step, steps, dev,
        wall_time_s, predictions`` (file name, sha256 and rows, or None). ``scores`` holds every metric of the
        task's kind, ``value`` the one that counts.
    mean, std : float or None
        Over the seeds that gave a value (collapsed ones do); the standard deviation is that of a sample.
    interval : dict or None
        ``{"low", "high", "level", "resamples", "method"}``: percentile bootstrap of the mean over test rows.
    mean_without_leaks : float or None
    leaked_rows : int or None
    failed_seeds, collapsed_seeds : tuple of int
    created : str
        Time in UTC, ISO 8601.
    schema_version : int
        Format of the file that it was read from, or that it will be written in.
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
    schema_version: int = FORMAT

    @functools.cached_property
    def id(self) -> str:
        """16 hex digits of the content (see `record_format.record_id`)."""
        return record_id(self.content())

    def content(self) -> dict[str, Any]:
        """Return the record as plain JSON, without its id, in its own format."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), allow_nan=False))
        return in_format(plain, self.schema_version)

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file."""
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
        values = {key: value for key, value in content.items() if key != "id"}
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
