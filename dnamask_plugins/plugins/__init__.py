"""Plugins: entry points to descriptions to objects. Listing loads nothing, getting one loads one.

Whoever is at fault is named: an error says which plugin, whose distribution and version, why, and what
to do next, and it concerns that plugin alone. No built-in is known here by name.

May import `errors`, `kinds`, the contracts and the index of the registry; no plugin.
"""

from dnamask_plugins.kinds import KINDS, SINGULAR
from dnamask_plugins.plugins.discovery import (
    PluginInfo,
    discover,
    info,
    kind_of,
    normalize,
    problems,
)
from dnamask_plugins.plugins.loading import PluginWarning, create, forget, load

__all__ = [
    "KINDS",
    "SINGULAR",
    "PluginInfo",
    "PluginWarning",
    "create",
    "discover",
    "forget",
    "info",
    "kind_of",
    "load",
    "normalize",
    "problems",
]
