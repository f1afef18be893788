"""The families of models that are installed: which one a checkpoint's configuration belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dnamask_plugins import plugins
from dnamask_plugins.errors import PluginError
from dnamask_plugins.models.backbones.base import Backbone

_OURS: Final = "dnamask-plugins"


def installed() -> Iterator[Backbone]:
    """Give every backbone that loads, ours first, so that others are imported only if none of ours will do.

    Among ours those come first that say themselves what they recognise: their published files may carry the
    model type of a plainer architecture. One that does not load is passed over: it harms no model but its
    own, and says so where it is asked for.
    """
    entries = [providers[0] for providers in plugins.discover("backbones").values()]
    ours = [_load(plugin) for plugin in entries if plugin.distribution == _OURS]
    yield from sorted(filter(None, ours), key=lambda each: each.describes is None)
    for plugin in entries:
        backbone = None if plugin.distribution == _OURS else _load(plugin)
        if backbone is not None:
            yield backbone


def _load(plugin: plugins.PluginInfo) -> Backbone | None:
    try:
        loaded = plugins.load("backbones", plugin.name)
    except PluginError:
        return None
    return loaded if isinstance(loaded, Backbone) else None


def family_of(settings: Mapping[str, Any]) -> Backbone | None:
    """Return the backbone that recognises a ``config.json``, None where none does.

    Examples
    --------
    >>> family_of({"architectures": ["BertForMaskedLM"], "alibi_starting_size": 512}).name
    'dnabert2'
    """
    return next((backbone for backbone in installed() if backbone.recognises(settings)), None)


def register_ours() -> None:
    """Make transformers' Auto classes know every architecture of this package."""
    for backbone in installed():
        if plugins.info("backbones", backbone.name).distribution != _OURS:
            return
        if backbone.register is not None:
            backbone.register()
