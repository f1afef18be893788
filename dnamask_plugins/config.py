"""Objects that are their configuration: a round trip through plain JSON, and a stable fingerprint."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from typing_extensions import Self

from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.files import parse_toml


def canonical_json(value: Any) -> str:
    """Write a value as JSON in one way only: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(value: Any) -> str:
    """Return 16 hex digits that identify a JSON value, the same on every machine and in every version."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def parse_value(text: str) -> Any:
    """Read a value that was typed: as TOML, else as JSON, else as the text itself.

    Examples
    --------
    >>> [parse_value(text) for text in ("2", "1e-4", "true", '["span", "genemask"]', "adamw_torch", "null")]
    [2, 0.0001, True, ['span', 'genemask'], 'adamw_torch', None]
    """
    if text in ("True", "False"):
        return text == "True"
    try:
        document = parse_toml(f"value = {text}".encode())
        if list(document) == ["value"]:
            return document["value"]
    except ValueError:
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # brackets nested too deep for either
        return text


def parse_assignment(text: str, option: str = "--set") -> dict[str, Any]:
    """Turn ``curriculum.threshold=2`` into a nested mapping; the value as in `parse_value`.

    Examples
    --------
    >>> parse_assignment("trainer.learning_rate=1e-4")
    {'trainer': {'learning_rate': 0.0001}}

    Raises
    ------
    ConfigError
        There is no ``=``, or no key.
    """
    path, separator, raw = text.partition("=")
    if not separator or not all(key.strip() for key in path.split(".")):
        raise ConfigError(f"{option} takes KEY=VALUE, for example trainer.learning_rate=1e-4, not '{text}'")
    return nested(path, parse_value(raw.strip()))


def nested(path: str, value: Any) -> dict[str, Any]:
    """Return a value in the tables that a path with dots names.

    Examples
    --------
    >>> nested("trainer.max_steps", 10)
    {'trainer': {'max_steps': 10}}
    """
    for key in reversed(path.split(".")):  # a loop, since a path that was typed may be of any depth
        value = {key.strip(): value}
    return dict(value)


def parse_assignments(texts: Iterable[str], option: str = "--set") -> dict[str, Any]:
    """Turn assignments of plain names into a mapping; a dot has no meaning here and is refused.

    Examples
    --------
    >>> parse_assignments(["num_train_epochs=1", "optim=adamw_torch", "bf16=false"])
    {'num_train_epochs': 1, 'optim': 'adamw_torch', 'bf16': False}

    Raises
    ------
    ConfigError
        There is no ``=`` or no name, or the name has a dot.
    """
    values: dict[str, Any] = {}
    for text in texts:
        if "." in text.partition("=")[0]:
            raise ConfigError(f"{option} {text}: no setting here has parts; write NAME=VALUE without a dot")
        values |= parse_assignment(text, option)
    return values


def parse_parameters(text: str, where: str) -> dict[str, Any]:
    """Read ``k=3,order="ACGT"``: assignments by comma, as they follow a plugin's name.

    Examples
    --------
    >>> parse_parameters("n=6,words=[1, 2]", "tokenizer 'logo'")
    {'n': 6, 'words': [1, 2]}

    Raises
    ------
    ConfigError
        A part is no assignment; the message begins with `where`.
    """
    values: dict[str, Any] = {}
    for part in filter(None, re.split(r",(?=\s*\w+\s*=)", text)):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"{where}: '{part}' is no parameter; write NAME:key=value,key=value")
        values[key.strip()] = parse_value(value.strip())
    return values


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
