"""What every plugin promises, whatever its kind: round trips through configuration and pickle."""

from __future__ import annotations

import json
import pickle
from typing import Any

from dnamask_plugins.config import canonical_json, fingerprint
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.testing.core import promise, require

KINDS = ("strategies", "curricula", "tokenizers")


@promise(*KINDS)
def has_a_name(plugin: Any) -> None:
    """Be called by a lower_snake name, after a vendor prefix and a dot where there is one."""
    name = getattr(plugin, "name", None)
    words = name.split(".") if isinstance(name, str) else []
    good = len(words) in (1, 2) and all(word.isidentifier() and word == word.lower() for word in words)
    require(good, expected="a name such as 'acme.motif_span'", came=repr(name), example=repr(plugin))


@promise(*KINDS)
def configuration_is_json(plugin: Any) -> None:
    """Give a configuration that is plain JSON and holds the name."""
    config = plugin.to_config()
    try:
        text = canonical_json(config)
    except (TypeError, ValueError) as error:
        require(False, expected="plain JSON", came=f"{type(error).__name__}: {error}", example=repr(config))
        return
    require(
        json.loads(text) == dict(config),
        expected="the same value after a trip through JSON",
        came=text,
        example=repr(dict(config)),
    )
    require(
        config.get("name") == plugin.name,
        expected=f"name {plugin.name!r} in the configuration",
        came=repr(config.get("name")),
        example=repr(dict(config)),
    )


@promise(*KINDS, needs=("configuration_is_json",))
def configuration_round_trips(plugin: Any) -> None:
    """Come back from the configuration as an object with the same configuration and fingerprint."""
    config = plugin.to_config()
    again = type(plugin).from_config(json.loads(json.dumps(dict(config)))).to_config()
    require(
        fingerprint(dict(again)) == fingerprint(dict(config)),
        expected=canonical_json(dict(config)),
        came=canonical_json(dict(again)),
        example="type(plugin).from_config(plugin.to_config()).to_config()",
    )


@promise(*KINDS, needs=("configuration_round_trips",))
def misspelt_parameters_are_refused(plugin: Any) -> None:
    """Refuse a parameter that does not exist."""
    config = {**plugin.to_config(), "no_such_parameter": 1}
    try:
        built = type(plugin).from_config(config)
    except (DnamaskError, TypeError, ValueError):
        return
    require(
        False,
        expected="an error that names 'no_such_parameter'",
        came=repr(built),
        example=f"from_config({config})",
    )


@promise(*KINDS)
def can_be_pickled(plugin: Any) -> None:
    """Survive pickling, which is how an object reaches a data-loader worker."""
    try:
        pickle.loads(pickle.dumps(plugin))
    except Exception as error:
        require(
            False,
            expected="an object that can be pickled",
            came=f"{type(error).__name__}: {error}",
            example=f"pickle.dumps({plugin!r})",
        )
