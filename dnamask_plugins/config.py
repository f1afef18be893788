"""Objects that are their configuration: a round trip through plain JSON, and a stable fingerprint."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import Self

from dnamask_plugins.errors import ConfigError, suggest


def canonical_json(value: Any) -> str:
    """Write a value as JSON in one way only: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(value: Any) -> str:
    """Return 16 hex digits that identify a JSON value, the same on every machine and in every version."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


class Configurable:
    """Base of dataclasses whose fields are their whole configuration.

    A subclass is a ``@dataclass(frozen=True)`` with JSON-like fields and a class attribute `name`,
    its entry-point name. A field may hold an object that has ``to_config`` itself; the subclass then
    turns the configuration back into the object in ``__post_init__``.
    """

    name: ClassVar[str]

    def to_config(self) -> dict[str, Any]:
        """Return the plain-JSON configuration, ``{"name": ..., **fields}``."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return {"name": self.name} | {field.name: _plain(getattr(self, field.name)) for field in fields}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build the object from its configuration.

        Raises
        ------
        ConfigError
            A key is unknown, or a value is refused.
        """
        known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        values = {key: value for key, value in config.items() if key != "name"}
        for key in values:
            if key not in known:
                raise ConfigError(f"{cls.name}: unknown parameter '{key}'; {suggest(key, known)}")
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"{cls.name}: {error}") from None

    def fingerprint(self) -> str:
        """Return 16 hex digits that identify this configuration."""
        return fingerprint(self.to_config())


def _plain(value: Any) -> Any:
    if hasattr(value, "to_config"):
        return value.to_config()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
