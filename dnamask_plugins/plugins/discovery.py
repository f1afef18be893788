"""What is installed: the entry points of every distribution, read without importing any."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, EntryPoints, distributions

from dnamask_plugins import registry_index
from dnamask_plugins.errors import PluginError, suggest
from dnamask_plugins.kinds import KINDS, SINGULAR


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

    @property
    def title(self) -> str:
        """Kind and name, for error messages."""
        return f"{SINGULAR[self.kind]} '{self.name}'"

    @property
    def status(self) -> str:
        """What the registry says: verified, experimental, deprecated, or unregistered."""
        return registry_index.status(self.kind, self.name, self.distribution)


@dataclass(frozen=True)
class Scan:
    """One pass over the installed distributions."""

    providers: Mapping[str, Mapping[str, tuple[PluginInfo, ...]]]
    problems: tuple[str, ...]


def kind_of(word: str) -> str:
    """Return the kind that a word means, singular or plural.

    Raises
    ------
    PluginError
        No kind is called so.

    Examples
    --------
    >>> kind_of("strategy")
    'strategies'
    """
    wanted = word.lower()
    for kind, singular in SINGULAR.items():
        if wanted in (kind, singular):
            return kind
    raise PluginError(f"no kind of plugin is called '{word}'; {suggest(wanted, SINGULAR.values())}")


def normalize(name: str) -> str:
    """Write a plugin's name with underscores, as it is registered (``bert-tiny`` is ``bert_tiny``)."""
    return name.replace("-", "_")


def discover(kind: str) -> Mapping[str, tuple[PluginInfo, ...]]:
    """Return every provider of every name of a kind, without importing any.

    What ``DNAMASK_DISABLE`` names is left out. The distributions are read once per process.
    """
    names, owners = _disabled()
    found = {}
    for name, providers in scan().providers[kind].items():
        left = tuple(each for each in providers if not _is_disabled(each, names, owners))
        if left:
            found[name] = left
    return found


def problems() -> tuple[str, ...]:
    """Return one line for every distribution whose plugins could not even be listed."""
    return scan().problems


def info(kind: str, name: str) -> PluginInfo:
    """Return the one provider of a name.

    Raises
    ------
    PluginError
        Nobody provides the name, it is switched off, or two distributions provide it.
    """
    name = normalize(name)
    providers = discover(kind).get(name, ())
    if not providers:
        raise PluginError(_why_missing(kind, name))
    if len(providers) > 1:
        origins = " and ".join(provider.origin for provider in providers)
        raise PluginError(
            f"{providers[0].title} is provided by {origins}; uninstall one of them, or switch one off with "
            f"DNAMASK_DISABLE=dist:{providers[-1].distribution}"
        )
    return providers[0]


@functools.cache
def scan() -> Scan:
    """Read every distribution on the path once; those that say nothing of us cost one short file."""
    providers: dict[str, dict[str, tuple[PluginInfo, ...]]] = {kind: {} for kind in KINDS}
    problems: list[str] = []
    seen: set[str] = set()
    for distribution in distributions():
        try:
            entries = _plugin_entries(distribution)
            if not entries:
                continue
            owner, version = distribution.name or "unknown distribution", distribution.version or "?"
        except Exception as error:
            problems.append(_unreadable(distribution, error))
            continue
        key = re.sub(r"[-_.]+", "-", owner).lower()
        if key in seen:  # a second copy further down the path, which the first one shadows
            continue
        seen.add(key)
        for entry in entries:
            kind, name = entry.group.removeprefix("dnamask."), normalize(entry.name)
            if kind not in providers:
                problems.append(
                    f"'{entry.name}' of {owner} {version} is in the entry-point group '{entry.group}', which "
                    f"means nothing here; {suggest(entry.group, ['dnamask.' + each for each in KINDS])}"
                )
                continue
            plugin = PluginInfo(kind, name, entry.value, owner, version, entry)
            providers[kind][name] = (*providers[kind].get(name, ()), plugin)
    return Scan({kind: dict(sorted(names.items())) for kind, names in providers.items()}, tuple(problems))


def _plugin_entries(distribution: Distribution) -> list[EntryPoint]:
    text = distribution.read_text("entry_points.txt")
    # Most distributions have nothing for us, and parsing them all would be the whole cost of listing.
    if not text or "dnamask." not in text:
        return []
    parsed: EntryPoints = distribution.entry_points
    return [entry for entry in parsed if entry.group.startswith("dnamask.")]


def _unreadable(distribution: Distribution, error: Exception) -> str:
    location = getattr(distribution, "_path", None)
    where = getattr(location, "name", None) or str(distribution)
    return (
        f"the plugins of {where} cannot be listed: {type(error).__name__}: {error}; "
        "its metadata is damaged: reinstall or uninstall it"
    )


def _disabled() -> tuple[frozenset[str], frozenset[str]]:
    words = [word.strip() for word in os.environ.get("DNAMASK_DISABLE", "").split(",") if word.strip()]
    owners = frozenset(normalize(word[5:]).lower() for word in words if word.startswith("dist:"))
    return frozenset(normalize(word) for word in words if not word.startswith("dist:")), owners


def _is_disabled(plugin: PluginInfo, names: frozenset[str], owners: frozenset[str]) -> bool:
    return plugin.name in names or normalize(plugin.distribution).lower() in owners


def _why_missing(kind: str, name: str) -> str:
    title = f"{SINGULAR[kind]} '{name}'"
    off = scan().providers[kind].get(name)
    if off:
        return f"{title} of {off[0].origin} is switched off by DNAMASK_DISABLE; take it out there to use it"
    entry = registry_index.find(kind, name)
    if entry is not None:
        return f"{title} is not installed; pip install {entry['distribution']}"
    return f"no {SINGULAR[kind]} is called '{name}'; {suggest(name, discover(kind))}"
