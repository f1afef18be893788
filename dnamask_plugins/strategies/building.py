"""Builds strategies from their configurations, and gives each what it says that it needs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dnamask_plugins.errors import ConfigError, PluginError
from dnamask_plugins.plugins import create, info, load
from dnamask_plugins.protocols import NEEDS, Curriculum, MaskingStrategy, ScoreTable


def build_strategies(
    curriculum: Curriculum,
    configured: Mapping[str, Mapping[str, Any]] | None = None,
    npmi: ScoreTable | str | os.PathLike[str] | None = None,
) -> dict[str, MaskingStrategy]:
    """Build every strategy that a curriculum may name, before the first step.

    Parameters
    ----------
    curriculum : Curriculum
        Its own ``configured`` strategies, if it has any, are known too.
    configured : mapping from label to configuration, optional
        Strategies with parameters of their own, ``{"soft": {"name": "global_npmi", "temperature": 0.5}}``.
        A name that is not among them is a plugin with its defaults.
    npmi : NpmiTable or path, optional
        Given to every strategy whose `needs` names it and whose configuration holds none.

    Raises
    ------
    ConfigError
        A strategy needs a table and there is none.
    """
    configured = {**getattr(curriculum, "configured", {}), **(configured or {})}
    wanted = dict.fromkeys((*curriculum.strategies, *(p for p in curriculum.probes if p != "current")))
    return {label: build_strategy({"name": label, **configured.get(label, {})}, npmi) for label in wanted}


def build_strategy(
    config: str | Mapping[str, Any], npmi: ScoreTable | str | os.PathLike[str] | None = None
) -> MaskingStrategy:
    """Build one strategy from its name or configuration; parameters as in `build_strategies`."""
    strategy = create("strategies", _with_needs(config, npmi))
    return strategy


def table_of(strategies: Iterable[Any]) -> ScoreTable | None:
    """Return the NPMI table of the first strategy that has one, itself or in one of its parts."""
    for strategy in strategies:
        table = getattr(strategy, "npmi", None)
        if isinstance(table, ScoreTable):
            return table
        for part in declared(strategy, "parts"):
            inner = getattr(strategy, part, ())
            table = table_of(inner if isinstance(inner, (list, tuple)) else (inner,))
            if table is not None:
                return table
    return None


def declared(strategy: Any, attribute: str) -> tuple[str, ...]:
    """Return the names in a class attribute such as ``needs = ("npmi",)``; a lone text is one name."""
    value = getattr(strategy, attribute, ())
    return (value,) if isinstance(value, str) else tuple(value)


def _with_needs(config: str | Mapping[str, Any], npmi: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"name": config} if isinstance(config, str) else dict(config)
    plugin = load("strategies", settings["name"])
    for part in declared(plugin, "parts"):
        if part in settings:
            settings[part] = _each_with_needs(settings[part], npmi)
    for need in declared(plugin, "needs"):
        if need not in NEEDS:
            raise PluginError(
                f"strategy '{settings['name']}' of {info('strategies', settings['name']).origin} needs "
                f"'{need}', which no run has; it has {', '.join(NEEDS)}: tell its author"
            )
        if settings.get(need) is None:
            settings[need] = _table(settings["name"], npmi)
    return settings


def _each_with_needs(part: Any, npmi: Any) -> Any:
    if isinstance(part, (list, tuple)):
        return [_each_with_needs(one, npmi) for one in part]
    if isinstance(part, str) or (isinstance(part, Mapping) and isinstance(part.get("name"), str)):
        return _with_needs(part, npmi)
    return part


def _table(name: str, npmi: Any) -> Any:
    if npmi is None:
        raise ConfigError(
            f"strategy '{name}' needs an NPMI table; build one with "
            "'dnamask npmi build --fasta FILE -o TABLE' and pass --npmi TABLE"
        )
    if isinstance(npmi, (str, os.PathLike)):
        from dnamask_plugins.npmi.table import NpmiTable

        return NpmiTable.load(Path(npmi))
    return npmi
