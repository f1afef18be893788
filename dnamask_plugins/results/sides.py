"""One side of a comparison: the newest record of each task of one model, and its predictions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dnamask_plugins.errors import InputError
from dnamask_plugins.results import predictions as prediction_files
from dnamask_plugins.results import record_files
from dnamask_plugins.results.newest import age
from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.records import ResultRecord


@dataclass(frozen=True)
class Side:
    """The records of one model, by task, with their files."""

    name: str
    by_task: Mapping[str, tuple[ResultRecord, Path]]

    @property
    def records(self) -> list[ResultRecord]:
        """The record of each task."""
        return [record for record, _ in self.by_task.values()]


def load_side(path: str | os.PathLike[str], model: str | None = None, method: str | None = None) -> Side:
    """Read the newest record of each task of one model.

    Parameters
    ----------
    path : path
        A record, or a folder with the records of one model.
    model, method : str, optional
        Which one, where the folder holds several.

    Raises
    ------
    InputError
        No records, or those of several models or methods.
    """
    found = [(record_files.read(file), file) for file in record_files.find([path])]
    kept = [
        (record, file)
        for record, file in found
        if (model is None or record.model.name == model) and (method is None or _method(record) == method)
    ]
    if not kept:
        choices = sorted({f"'{record.model.name}' ({_method(record)})" for record, _ in found})
        what = (
            f"none of that model and method, there are {', '.join(choices)}"
            if choices
            else "no result records"
        )
        raise InputError(f"{path}: {what}; name a folder that `dnamask gue run` wrote")
    kinds = sorted({f"'{record.model.name}' by {_method(record)}" for record, _ in kept})
    if len(kinds) > 1:
        raise InputError(f"{path}: holds {', '.join(kinds)}; choose one with --model-a/--model-b or --method")
    newest = sorted(kept, key=lambda item: age(item[0]))
    return Side(newest[0][0].model.name, {record.task.name: (record, file) for record, file in newest})


def predictions_of(record: ResultRecord, path: Path) -> list[Predictions]:
    """Return the predictions of each seed that has some.

    Raises
    ------
    InputError
        A file cannot be read, or names a class that the task does not have.
    """
    loaded = []
    for entry in record.seeds:
        if entry["predictions"] is not None:
            file = path.parent / entry["predictions"]["file"]
            predictions = prediction_files.load(file)
            if max(predictions.labels.max(), predictions.predictions.max()) >= record.task.classes:
                raise InputError(
                    f"{file}: a class above {record.task.classes - 1}; see `dnamask results verify`"
                )
            loaded.append(predictions)
    return loaded


def caveats(side: str, record: ResultRecord) -> str:
    """Say what weakens the figure of one side: failed or collapsed seeds, one seed, training on dev."""
    words = []
    if record.source == "published":
        words.append(f"{side} published")
    if record.failed_seeds:
        words.append(f"{side}: {len(record.failed_seeds)} failed")
    if record.collapsed_seeds:
        words.append(f"{side}: {len(record.collapsed_seeds)} collapsed")
    if record.source == "measured" and len(record.seeds) - len(record.failed_seeds) == 1:
        words.append(f"{side}: one seed")
    if record.run is not None and record.run.dev_as_train:
        words.append(f"{side}: trained on dev")
    return ", ".join(words)


def _method(record: ResultRecord) -> str:
    return record.run.method if record.run else "published"
