"""The JSON Schemas of result records: one for each format, of which the last is written."""

from __future__ import annotations

import functools
import json
import os
from importlib.resources import files
from typing import Any, Final

from dnamask_plugins.errors import InputError

FORMAT: Final = 2
"""What is written. Format 1 is read for ever; its id leaves out when a record was made and what it cost."""


def check_schema(content: Any, where: str | os.PathLike[str]) -> None:
    """Refuse what does not keep the schema of its format.

    Raises
    ------
    InputError
        Names the file and the place in it.
    """
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise InputError(f"{where}: format {version} is newer than this package reads ({FORMAT}); update it")
    error = next(iter(_validator(1 if version == 1 else FORMAT).iter_errors(content)), None)
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path) or "the top"
        raise InputError(f"{where}: at {place}: {error.message[:200]}; see `dnamask results schema`")


@functools.cache
def schema(version: int = FORMAT) -> dict[str, Any]:
    """Return the JSON Schema of a format of records."""
    text = (files("dnamask_plugins.results") / "schemas" / f"result-{version}.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@functools.cache
def _validator(version: int) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema(version))
