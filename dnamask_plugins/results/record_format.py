"""What a record's file holds, format by format, and the id that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dnamask_plugins.config import fingerprint

_ADDED_IN_2: Final[Mapping[str, tuple[str, ...]]] = {
    "model": ("config_sha256", "tokenizer_sha256", "pretraining_tokens"),
    "task": ("kind",),
    "run": ("rows",),
    "seeds": ("scores", "steps"),
}
CIRCUMSTANCES: Final = ("created", "wall_time_s", "peak_memory_bytes")
"""When a record was made and what it cost: the id of format 1 leaves them out, that of format 2 does not."""


def in_format(content: Mapping[str, Any], version: int) -> dict[str, Any]:
    """Return plain JSON of a record as a format has it: format 1 lacks the fields that came later."""
    if version > 1:
        return dict(content)
    return {key: _without(value, _ADDED_IN_2.get(key, ())) for key, value in content.items()}


def record_id(content: Mapping[str, Any]) -> str:
    """Return 16 hex digits of a record's content without its id.

    Those of format 2 cover every field; those of format 1 all but `CIRCUMSTANCES`.
    """
    if content["schema_version"] == 1:
        content = _without_deep(content, CIRCUMSTANCES)
    return fingerprint(content)


def state_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two records differ only in format, or in when they were made and what that cost."""
    version = min(one["schema_version"], other["schema_version"])
    first, second = (
        _without_deep(in_format(content, version), ("id", "schema_version", *CIRCUMSTANCES))
        for content in (one, other)
    )
    return bool(first == second)


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_without(item, names) for item in value]
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if key not in names}
    return value


def _without_deep(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_deep(item, names) for key, item in value.items() if key not in names}
    if isinstance(value, list):
        return [_without_deep(item, names) for item in value]
    return value
