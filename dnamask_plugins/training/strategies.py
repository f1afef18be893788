"""Builds the strategies that a curriculum names, and gives each the run's NPMI table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.plugins import create, load
from dnamask_plugins.protocols import Curriculum, MaskingStrategy


def build_strategies(
    curriculum: Curriculum,
    configured: Mapping[str, Mapping[str, Any]] | None = None,
    npmi: Any = None,
) -> dict[str, MaskingStrategy]:
    """Build every strategy that a curriculum may name, before the first step.

    Parameters
    ----------
    curriculum : Curriculum
    configured : mapping from label to configuration, optional
        Strategies with parameters of their own, ``{"soft": {"name": "global_npmi", "temperature": 0.5}}``.
        A name that is not among them is a plugin with its defaults.
    npmi : NpmiTable or path, optional
        Given to every strategy that has a parameter ``npmi`` and no table of its own.

    Raises
    ------
    ConfigError
        A strategy needs a table and there is none.
    """
    configured = configured or {}
    wanted = dict.fromkeys((*curriculum.strategies, *(p for p in curriculum.probes if p != "current")))
    return {label: build_strategy({"name": label, **configured.get(label, {})}, npmi) for label in wanted}


def build_strategy(config: Mapping[str, Any], npmi: Any = None) -> MaskingStrategy:
    """Build one strategy from its configuration, with the table where it takes one."""
    strategy: MaskingStrategy = create("strategies", _with_table(config, npmi))
    return strategy


def _with_table(config: Mapping[str, Any], npmi: Any) -> dict[str, Any]:
    settings = dict(config)
    for key, value in settings.items():
        if isinstance(value, Mapping) and "name" in value:
            settings[key] = _with_table(value, npmi)
        elif isinstance(value, (list, tuple)):
            settings[key] = [
                _with_table(item, npmi) if isinstance(item, Mapping) and "name" in item else item
                for item in value
            ]
    plugin = load("strategies", settings["name"])
    takes_table = dataclasses.is_dataclass(plugin) and "npmi" in {f.name for f in dataclasses.fields(plugin)}
    if takes_table and settings.get("npmi") is None:
        if npmi is None:
            raise ConfigError(
                f"strategy '{settings['name']}' needs an NPMI table; build one with "
                "'dnamask npmi build --fasta FILE -o TABLE' and pass --npmi TABLE"
            )
        settings["npmi"] = npmi
    return settings
