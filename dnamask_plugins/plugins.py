"""Discovery: entry points to descriptions to objects. Listing loads nothing, getting one loads one."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from dnamask_plugins.errors import PluginError, suggest

KINDS: Final = ("strategies", "curricula", "tokenizers", "backbones", "tasks")
"""What can be plugged in; the entry-point group of a kind is ``dnamask.KIND``."""


@dataclass(frozen=True)
class PluginInfo:
    """What is known of a plugin before it is loaded."""

    kind: str
    name: str
    value: str
    distribution: str
    version: str
    entry_point: EntryPoint

    @property
    def origin(self) -> str:
        """Distribution and version, for error messages."""
        return f"{self.distribution} {self.version}"


@functools.cache
def discover(kind: str) -> Mapping[str, tuple[PluginInfo, ...]]:
    """Return every provider of every name of a kind, without importing any."""
    found: dict[str, tuple[PluginInfo, ...]] = {}
    for entry in entry_points(group=f"dnamask.{kind}"):
        distribution = entry.dist
        info = PluginInfo(
            kind,
            entry.name,
            entry.value,
            distribution.name if distribution else "unknown distribution",
            distribution.version if distribution else "?",
            entry,
        )
        found[entry.name] = (*found.get(entry.name, ()), info)
    return dict(sorted(found.items()))


def info(kind: str, name: str) -> PluginInfo:
    """Return the one provider of a name.

    Raises
    ------
    PluginError
        Nobody provides the name, or two distributions do.
    """
    name = name.replace("-", "_")
    providers = discover(kind).get(name, ())
    if not providers:
        raise PluginError(f"no {kind} plugin is called '{name}'; {suggest(name, discover(kind))}")
    if len(providers) > 1:
        owners = " and ".join(provider.origin for provider in providers)
        raise PluginError(f"{kind} '{name}' is provided by {owners}; uninstall one of them")
    return providers[0]


@functools.cache
def load(kind: str, name: str) -> Any:
    """Import what a name stands for (a class, or an object for backbones and tasks).

    Raises
    ------
    PluginError
        The plugin does not import; the message names its distribution and version.
    """
    plugin = info(kind, name)
    try:
        return plugin.entry_point.load()
    except Exception as error:
        raise PluginError(
            f"{kind} '{name}' of {plugin.origin} does not load from {plugin.value}: "
            f"{type(error).__name__}: {error}; update or uninstall {plugin.distribution}"
        ) from error


def create(kind: str, config: str | Mapping[str, Any], **parameters: Any) -> Any:
    """Build a plugin from its name, or from a configuration ``{"name": ..., **parameters}``.

    Examples
    --------
    >>> create("tokenizers", "kmer", k=6).vocab_size
    4101
    """
    settings = {"name": config} if isinstance(config, str) else dict(config)
    settings |= parameters
    return load(kind, settings["name"]).from_config(settings)
