"""From a description to an object: import, check against the contract, build."""

from __future__ import annotations

import functools
import inspect
import os
import time
import warnings
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from dnamask_plugins.errors import ConfigError, DnamaskError, PluginError
from dnamask_plugins.kinds import SINGULAR
from dnamask_plugins.plugins import discovery
from dnamask_plugins.plugins.discovery import PluginInfo
from dnamask_plugins.plugins.first_use import first_use
from dnamask_plugins.plugins.time_limit import Expired, time_limit

if TYPE_CHECKING:
    from dnamask_plugins.protocols import Curriculum, DNATokenizer, MaskingStrategy

SLOW_IMPORT_SECONDS: Final = 10.0
"""A plugin that takes longer to import is named in a warning."""

IMPORT_LIMIT_SECONDS: Final = 120.0
"""A plugin that takes longer to import is given up; ``DNAMASK_IMPORT_LIMIT`` overrides."""


class PluginWarning(UserWarning):
    """Something about a plugin that a user should know, and that stops nothing."""


def load(kind: str, name: str) -> Any:
    """Import what a name refers to: a class, or an object for backbones and tasks.

    Raises
    ------
    PluginError
        The plugin does not import, is no such thing as its group says, calls itself by another name, or
        was written for another version of the contracts.
    """
    return _load(discovery.info(kind, name))


@overload
def create(
    kind: Literal["strategies"], config: str | Mapping[str, Any], **parameters: Any
) -> MaskingStrategy: ...
@overload
def create(kind: Literal["curricula"], config: str | Mapping[str, Any], **parameters: Any) -> Curriculum: ...
@overload
def create(
    kind: Literal["tokenizers"], config: str | Mapping[str, Any], **parameters: Any
) -> DNATokenizer: ...
@overload
def create(kind: str, config: str | Mapping[str, Any], **parameters: Any) -> Any: ...
def create(kind: str, config: str | Mapping[str, Any], **parameters: Any) -> Any:
    """Build a plugin from its name, or from a configuration ``{"name": ..., **parameters}``.

    Raises
    ------
    PluginError
        The plugin cannot be had (see `load`), or its constructor failed.
    ConfigError
        A parameter is unknown or refused.

    Examples
    --------
    >>> create("tokenizers", "kmer", k=6).vocab_size
    4101
    """
    settings = {"name": config} if isinstance(config, str) else dict(config)
    settings |= parameters
    if not isinstance(settings.get("name"), str):
        raise ConfigError(f"a {SINGULAR[kind]} needs a name, as in {{'name': ...}}; got {config!r}")
    plugin = discovery.info(kind, settings["name"])
    try:
        built = _load(plugin).from_config(settings)
    except DnamaskError:
        raise
    except Exception as error:
        raise PluginError(
            f"{plugin.title} of {plugin.origin} cannot be built from {settings}: "
            f"{type(error).__name__}: {error}; see 'dnamask info {plugin.name}'"
        ) from error
    missing = sorted(member for member in _members(kind) if not hasattr(built, member))
    if missing:
        raise PluginError(
            f"{plugin.title} of {plugin.origin} lacks {', '.join(missing)}; "
            f"'dnamask check {plugin.name}' says what a {SINGULAR[kind]} needs"
        )
    return built


def forget() -> None:
    """Read the installed distributions anew, for a process in which something was just installed."""
    discovery.scan.cache_clear()
    _load.cache_clear()


@functools.cache
def _load(plugin: PluginInfo) -> Any:
    if plugin.status == "unregistered" and first_use(plugin.entry_point, plugin.origin):
        warnings.warn(
            f"running code of {plugin.origin}, which the registry does not know; 'dnamask check' tests what "
            "it promises (this is said once)",
            PluginWarning,
            stacklevel=4,
        )
    loaded = _import(plugin)
    _check_api_version(plugin, loaded)
    if _members(plugin.kind):
        _check_class(plugin, loaded)
    return loaded


def _import(plugin: PluginInfo) -> Any:
    limit = _import_limit()
    began = time.monotonic()
    try:
        with time_limit(limit):
            loaded = plugin.entry_point.load()
    except (Exception, SystemExit) as error:
        if isinstance(error, Expired):
            why = f"importing it took over {limit:g} s (DNAMASK_IMPORT_LIMIT)"
        elif not EntryPoint.pattern.match(plugin.value):
            why = "that is not of the form 'module:object'"
        else:
            why = f"{type(error).__name__}: {error}"
        raise PluginError(
            f"{plugin.title} of {plugin.origin} does not load from {plugin.value}: {why}; "
            f"update or uninstall {plugin.distribution}"
        ) from error
    took = time.monotonic() - began
    if took > SLOW_IMPORT_SECONDS:
        warnings.warn(
            f"{plugin.title} of {plugin.origin} took {took:.1f} s to import; "
            "its author can move heavy imports into functions",
            PluginWarning,
            stacklevel=5,
        )
    return loaded


def _import_limit() -> float:
    text = os.environ.get("DNAMASK_IMPORT_LIMIT", "")
    try:
        return float(text) if text else IMPORT_LIMIT_SECONDS
    except ValueError:
        raise ConfigError(f"DNAMASK_IMPORT_LIMIT is {text!r}; give seconds, such as 120") from None


def _contract(kind: str) -> type | None:
    """Return the protocol of a kind; None for kinds that are plain objects."""
    from dnamask_plugins import protocols

    return {
        "strategies": protocols.MaskingStrategy,
        "curricula": protocols.Curriculum,
        "tokenizers": protocols.DNATokenizer,
    }.get(kind)


def _members(kind: str) -> frozenset[str]:
    from typing_extensions import get_protocol_members

    contract = _contract(kind)
    return frozenset() if contract is None else frozenset(get_protocol_members(contract))


def _check_api_version(plugin: PluginInfo, loaded: Any) -> None:
    from dnamask_plugins.protocols import API_VERSION

    declared = getattr(loaded, "api_version", API_VERSION)
    if declared == API_VERSION:
        return
    newer = isinstance(declared, int) and declared > API_VERSION
    advice = "update dnamask-plugins" if newer else f"update {plugin.distribution}"
    raise PluginError(
        f"{plugin.title} of {plugin.origin} is written for API version {declared!r}, "
        f"and this is {API_VERSION}; {advice}"
    )


def _check_class(plugin: PluginInfo, loaded: Any) -> None:
    singular, where = SINGULAR[plugin.kind], f"{plugin.title} of {plugin.origin}: {plugin.value}"
    if not inspect.isclass(loaded):
        raise PluginError(
            f"{where} is a {type(loaded).__name__}, not a class; "
            f"the entry point must name the {singular} class"
        )
    # Data members may be set in __init__, so only methods can be required of the class.
    contract = _contract(plugin.kind)
    missing = sorted(
        member
        for member in _members(plugin.kind)
        if callable(getattr(contract, member, None)) and not callable(getattr(loaded, member, None))
    )
    if missing:
        raise PluginError(
            f"{where} is no {singular}: it lacks {', '.join(missing)}; see dnamask_plugins.protocols"
        )
    own_name = getattr(loaded, "name", plugin.name)
    if isinstance(own_name, str) and own_name != plugin.name:
        raise PluginError(
            f"{where} calls itself '{own_name}', so that a saved configuration would not find it again; "
            f'set name = "{plugin.name}" in the class'
        )
