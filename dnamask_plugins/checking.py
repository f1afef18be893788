"""Values from a file or from flags, checked against the fields of a dataclass: one checker of settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from dnamask_plugins.errors import ConfigError, suggest


def checked(kind: type[Any], values: Mapping[str, Any], where: str, noun: str = "setting") -> dict[str, Any]:
    """Check values for the fields of a dataclass, by the types that its annotations name.

    A field that is a dataclass itself is built from its table; a whole number is a number; a list does for a
    tuple. What a value may be beyond its type is left to the class.

    Parameters
    ----------
    kind : type
        A dataclass.
    values : mapping
        From TOML, JSON or flags.
    where : str
        Begins the error messages.
    noun : str
        What the messages call a field.

    Raises
    ------
    ConfigError
        A key is none of the fields, or a value is of another type; names `where` and the key.

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Windows:
    ...     full_length: int = 510
    ...     full_share: float = 0.5
    >>> checked(Windows, {"full_share": 1}, "run.toml")
    {'full_share': 1}
    >>> checked(Windows, {"full_length": "510"}, "run.toml")
    Traceback (most recent call last):
    ...
    dnamask_plugins.errors.ConfigError: run.toml: 'full_length' must be a whole number, not '510'
    """
    names = [field.name for field in dataclasses.fields(kind)]
    for key in values:
        if key not in names:
            raise ConfigError(f"{where}: unknown {noun} '{key}'; {suggest(key, names)}")
    hints = get_type_hints(kind)
    return {key: _fitting(value, hints[key], where, key) for key, value in values.items()}


def _fitting(value: Any, hint: Any, where: str, key: str) -> Any:
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    for option in options:
        if dataclasses.is_dataclass(option) and isinstance(value, Mapping):
            assert isinstance(option, type)
            return option(**checked(option, value, f"{where}, [{key}]"))
        if _is(value, option):
            return value
    words = " or ".join(dict.fromkeys(_WORDS.get(_plain_type(option), "a table") for option in options))
    raise ConfigError(f"{where}: '{key}' must be {words}, not {value!r}")


def _plain_type(option: Any) -> Any:
    origin = get_origin(option) or option
    return str if origin is Literal else origin


def _is(value: Any, option: Any) -> bool:
    kind = _plain_type(option)
    if kind is Any:
        return True
    if isinstance(value, bool):
        return kind is bool
    accepted: dict[Any, tuple[type, ...]] = {float: (int, float), tuple: (list, tuple)}
    return isinstance(value, accepted.get(kind, (kind,)))


_WORDS: Final[Mapping[Any, str]] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list",
    type(None): "left out",
}
