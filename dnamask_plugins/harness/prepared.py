"""A task read, checked and tokenized once, for all its seeds."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.config import fingerprint
from dnamask_plugins.harness.encoding import EncodedData, encode_data
from dnamask_plugins.harness.model_source import ModelSource
from dnamask_plugins.harness.trial import Trial
from dnamask_plugins.harness.trial_rows import TrialRows
from dnamask_plugins.tasks.audit import audit_task, leaked_rows
from dnamask_plugins.tasks.data import LabelledData, TaskData, draw_shots, limit_rows, read_task


@dataclass(eq=False)
class Prepared:
    """What all seeds of a task share; each part is made when it is first asked for."""

    data: TaskData

    @functools.cached_property
    def leaked(self) -> NDArray[np.bool_]:
        """Test rows whose sequence is in train or dev."""
        return leaked_rows(self.data)

    @functools.cached_property
    def audit(self) -> dict[str, Any]:
        """What is wrong with the data set, as plain JSON."""
        return audit_task(self.data, leaked=self.leaked).to_json()


# One task at a time: its seeds follow each other, and a suite does not fit in memory.
_prepared: dict[str, Prepared] = {}
_encoded: dict[str, dict[str, EncodedData]] = {}


def prepare(trial: Trial) -> Prepared:
    """Read a task, or return it as it was read for the seed before."""
    key = _key(trial)
    if key not in _prepared:
        forget()
        _prepared[key] = Prepared(read_task(trial.data_folder, trial.task, dev_as_train=trial.dev_as_train))
    return _prepared[key]


def encode_trial(trial: Trial) -> tuple[TaskData, dict[str, EncodedData]]:
    """Read and tokenize a task, once for all its seeds."""
    data = prepare(trial).data
    key = fingerprint([_key(trial), fingerprint(dict(trial.model_sha256)), trial.max_length])
    if key not in _encoded:
        _encoded.clear()
        tokenizer = source_of(trial).tokenizer
        _encoded[key] = {
            name: encode_data(split, tokenizer, trial.max_length) for name, split in data.splits.items()
        }
    return data, _encoded[key]


def forget() -> None:
    """Forget what was read and tokenized."""
    _prepared.clear()
    _encoded.clear()


def source_of(trial: Trial) -> ModelSource:
    """Return a trial's model, kept for the next one as long as its files are the same."""
    return _source(trial.model, fingerprint(dict(trial.model_sha256)))


@functools.lru_cache(maxsize=1)
def _source(model: str, identity: str) -> ModelSource:
    return ModelSource.find(model)


def chosen_rows(trial: Trial, data: TaskData, encoded: Mapping[str, EncodedData]) -> TrialRows[EncodedData]:
    """Return what a trial trains, selects and tests on."""
    train = _encoded_train(trial, data, encoded)
    return TrialRows(train, encoded.get("dev"), encoded["test"], data.classes, trial.task.metric)


def _encoded_train(trial: Trial, data: TaskData, encoded: Mapping[str, EncodedData]) -> EncodedData:
    if data.dev_as_train and (trial.train_limit is None or trial.train_limit >= len(encoded["dev"])):
        return encoded["dev"]
    part = training_rows(trial, data)
    if part is data.train:
        return encoded["train"]
    return encode_data(part, source_of(trial).tokenizer, trial.max_length)


def training_rows(trial: Trial, data: TaskData) -> LabelledData:
    """Return the rows of train that a trial learns from."""
    part = data.train
    if trial.task.shots is not None:
        part = draw_shots(part, trial.task.shots, trial.seed)
    return limit_rows(part, trial.train_limit, trial.seed)


def _key(trial: Trial) -> str:
    parts = [trial.task.name, trial.task.metric, trial.task.kind, trial.task.classes]
    return fingerprint([*parts, str(trial.data_folder), trial.dev_as_train, dict(trial.data_sha256)])
