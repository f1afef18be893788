"""Records on disk: written once, found by their names, read with their id checked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dnamask_plugins.errors import InputError
from dnamask_plugins.files import parse_json, safe_name, write_atomically
from dnamask_plugins.results.record_format import state_the_same
from dnamask_plugins.results.records import ResultRecord, SeedOutcome
from dnamask_plugins.results.schema import check_schema

_MAX_BYTES: Final = 64 * 1024 * 1024
_NO_RECORDS: Final = ("trials", "jobs")
"""Folders in which a run keeps what it needs to go on."""


def path_of(record: ResultRecord, folder: str | os.PathLike[str]) -> Path:
    """Return where a record belongs: ``FOLDER/<model>/<task>.<id>.json``."""
    return Path(folder) / safe_name(record.model.name) / f"{safe_name(record.task.name)}.{record.id}.json"


def write(record: ResultRecord, seeds: Sequence[SeedOutcome], folder: str | os.PathLike[str]) -> Path:
    """Write a record and its predictions beside it; nothing that exists is changed.

    A record that states the same as one that is there is not written again.

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
            path = beside / entry["predictions"]["file"]
            if not path.exists():
                write_atomically(path, outcome.encoded)
    return write_record(record, folder)


def write_record(record: ResultRecord, folder: str | os.PathLike[str]) -> Path:
    """Write a record without its predictions; what exists stays as it is.

    Raises
    ------
    InputError
        The record does not keep the schema.
    """
    path = path_of(record, folder)
    text = to_text(record, path)
    same = _stating_the_same(record, path)
    if same is not None:
        return same
    write_atomically(path, text.encode())
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
        content = parse_json(path.read_text("utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); give a record or a folder of records"
        ) from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({str(error)[:120]}); is it a result record?") from None
    return ResultRecord.from_json(content, path)


def find(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Return the record files at or below some paths, in a fixed order.

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
    name = re.fullmatch(r"[a-z0-9._-]+\.[0-9a-f]{16}\.json", path.name)
    return name is not None and not set(_NO_RECORDS) & set(path.parts)


def _stating_the_same(record: ResultRecord, path: Path) -> Path | None:
    """Return a record of the same model and task that differs in nothing but its making."""
    content = record.content()
    for other in sorted(path.parent.glob(f"{safe_name(record.task.name)}.*.json")):
        if other == path or (_is_record(Path(other.name)) and state_the_same(read(other).content(), content)):
            return other
    return None


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not a JSON number")
