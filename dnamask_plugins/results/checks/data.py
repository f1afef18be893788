"""The data that a record was measured on: known files, the stored audit, and the data themselves."""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.results.checks.evidence import Evidence, NotPossible, known_hashes
from dnamask_plugins.tasks import all_suites
from dnamask_plugins.tasks.audit import audit_task, leaked_rows
from dnamask_plugins.tasks.data import read_task, suite_root


def task_facts(evidence: Evidence) -> Iterator[str]:
    """Check that metric, classes, kind and species are those of the known task."""
    said, task = evidence.record.task, evidence.task
    for what, recorded, known in (
        ("metric", said.metric, task.metric),
        ("kind", said.kind, task.kind),
        ("classes", said.classes, task.classes),
        ("shots", said.shots, task.shots),
        ("species", said.species, task.species or "unknown"),
    ):
        if known is not None and recorded != known:
            yield f"{what} {recorded}, but {task.name} has {known}"


def hashes(evidence: Evidence) -> Iterator[str]:
    """Check that the files are those of the audit, and published for this task and no other."""
    said = evidence.record.task
    published = known_hashes()
    if not said.data_sha256:
        yield "no hash of any file"
    for split, digest in said.data_sha256.items():
        owner = published.get(digest)
        if owner is not None and owner != (said.name, split):
            yield f"{split} is the file {' '.join(owner)} of another task"
    if evidence.run.audit is not None:
        audited = {split: each["sha256"] for split, each in evidence.audit["splits"].items()}
        if audited != dict(said.data_sha256):
            yield "other files than those of the audit"
        if evidence.audit["task"] != said.name:
            yield f"the audit is of {evidence.audit['task']}"
    if evidence.run.dev_as_train and "train" in said.data_sha256:
        yield "trained on dev, though there is a training file"
    if not evidence.task.sha256:
        raise NotPossible("the task's published hashes are not known")
    other = [split for split, digest in said.data_sha256.items() if published.get(digest) is None]
    if other:
        raise NotPossible(f"other files than the published ones ({', '.join(other)})")


def rows(evidence: Evidence) -> Iterator[str]:
    """Check numbers of rows: of the predictions, the audit, the known task, and of those that were cut."""
    said, found = evidence.record.task, len(evidence.first)
    known: dict[str, int] = {}
    if evidence.run.audit is not None:
        known = {split: int(each["rows"]) for split, each in evidence.audit["splits"].items()}
        if known.get("test") != found:
            yield f"{found} predictions, but the audit has {known.get('test')} test rows"
    used = evidence.run.rows
    if used and used.get("test") != found:
        yield f"{found} predictions, but {used.get('test')} test rows were used"
    for split, count in evidence.run.truncated.items():
        most = known.get(split, used.get(split))
        if most is not None and count > most:
            yield f"{count} rows of {split} were cut, but there are {most}"
    expected = evidence.task.rows.get("test") if _as_published(evidence) else None
    if expected is not None and expected != found:
        yield f"{found} predictions, but {said.name} has {expected} test rows"
    if expected is None and not known:
        raise NotPossible("the number of rows is not known")


def labels(evidence: Evidence) -> Iterator[str]:
    """Check that the labels are those of the known test file, or are as frequent as the audit says."""
    first = evidence.first
    known = _fingerprints().get(evidence.record.task.data_sha256.get("test", ""))
    if known is not None and label_hash(first.labels) != known["labels"]:
        yield "not those of the test file whose hash is recorded"
    if evidence.run.audit is not None and first.kind == "classification":
        counted = {str(label): count for label, count in Counter(first.labels.tolist()).items()}
        audited = {str(label): count for label, count in evidence.audit["splits"]["test"]["classes"].items()}
        if counted != audited:
            yield f"rows per class {counted}, but the audit has {audited}"
    elif known is None:
        raise NotPossible("neither an audit nor the labels of this file are at hand; give --gue-dir")


def leaks(evidence: Evidence) -> Iterator[str]:
    """Check that the rows marked as leaked are as many as the audit says, and those of the known files."""
    flags = evidence.first.leaked
    if flags is None:
        raise NotPossible("rows were not compared with the training data")
    if evidence.run.audit is not None and int(flags.sum()) != evidence.audit["leaked_test_rows"]:
        yield f"{int(flags.sum())} rows marked, but the audit has {evidence.audit['leaked_test_rows']}"
    said = evidence.record.task.data_sha256
    known = _fingerprints().get(said.get("test", ""))
    against = None if known is None else known.get("against")
    if known is not None and against and {split: said.get(split) for split in against} == against:
        if flag_hash(flags) != known["leaks"]:
            yield "other rows are marked than occur in the training files"
    elif evidence.run.audit is None:
        raise NotPossible("neither an audit nor the leaks of these files are at hand; give --gue-dir")


def data_set(evidence: Evidence) -> Iterator[str]:
    """Check that labels, leaks, hashes and audit are those of the files themselves."""
    if evidence.data_folder is None:
        raise NotPossible("no folder of data sets was given (--gue-dir)")
    found = _read(evidence)
    record, first = evidence.record, evidence.first
    if dict(record.task.data_sha256) != found["sha256"]:
        yield f"{record.task.name} in {evidence.data_folder} holds other files"
        return
    if not np.array_equal(first.labels, found["labels"]):
        yield "the labels are not those of the test file"
    if first.leaked is not None and not np.array_equal(first.leaked, found["leaked"]):
        yield f"{int(first.leaked.sum())} rows marked as leaked, but {int(found['leaked'].sum())} are"
    if evidence.run.audit is not None:
        for key in ("splits", "overlaps", "leaked_test_rows"):
            if evidence.audit.get(key) != found["audit"][key]:
                yield f"the audit's {key} are not those of the files"


def label_hash(values: NDArray[Any]) -> str:
    """Return the SHA-256 of labels as text, one a line."""
    return hashlib.sha256("\n".join(map(str, values.tolist())).encode()).hexdigest()


def flag_hash(flags: NDArray[np.bool_]) -> str:
    """Return the SHA-256 of leak flags, as the numbers of the rows that are marked."""
    return label_hash(np.flatnonzero(flags))


def _as_published(evidence: Evidence) -> bool:
    return evidence.record.task.data_sha256.get("test") == evidence.task.sha256.get("test")


@functools.cache
def _fingerprints() -> Mapping[str, Any]:
    """Return hashes of labels and leaks by the SHA-256 of the test file; see `known_data`."""
    text = (files("dnamask_plugins.results") / "known_data.json").read_text("utf-8")
    return dict(json.loads(text))


def _read(evidence: Evidence) -> Mapping[str, Any]:
    assert evidence.data_folder is not None
    try:
        return read_data(
            evidence.data_folder, evidence.task.suite, evidence.task.name, evidence.run.dev_as_train
        )
    except DnamaskError as error:
        raise NotPossible(str(error)) from None


@functools.lru_cache(maxsize=64)
def read_data(folder: Path, suite: str, name: str, dev_as_train: bool = False) -> Mapping[str, Any]:
    """Read a data set: hashes of its files, labels and leaks of its test rows, and its audit.

    Raises
    ------
    InputError
        A file is missing or wrong.
    """
    task = next(each for each in all_suites()[suite] if each.name == name)
    data = read_task(suite_root(folder), task, dev_as_train=dev_as_train)
    return {
        "sha256": {split: each.sha256 for split, each in data.splits.items()},
        "labels": data.test.labels,
        "leaked": leaked_rows(data),
        "audit": json.loads(json.dumps(audit_task(data).to_json())),
    }
