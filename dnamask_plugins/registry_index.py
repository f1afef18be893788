"""What the registry knows, offline: an index of its entries that ships in the wheel.

``registry/KIND/NAME.toml`` is written by hand; ``dnamask_plugins/registry_index.json`` is made of it by
``python -m dnamask_plugins.registry_index registry`` and only read here.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dnamask_plugins.files import read_toml
from dnamask_plugins.kinds import KINDS, SINGULAR

INDEX_FILE: Final = Path(__file__).with_name("registry_index.json")

Entry = Mapping[str, Any]
"""One registry entry; the fields are those of ``registry/schemas/entry.schema.json``."""


@functools.cache
def entries() -> tuple[Entry, ...]:
    """Return all entries, sorted by kind and name."""
    return tuple(json.loads(INDEX_FILE.read_text(encoding="utf-8"))["entries"])


def find(kind: str, name: str) -> Entry | None:
    """Return the entry of a name, or None.

    Parameters
    ----------
    kind : str
        Plural, such as ``"strategies"``.
    name : str
    """
    return next((entry for entry in entries() if entry["kind"] == kind and entry["id"] == name), None)


def status(kind: str, name: str, distribution: str) -> str:
    """Return verified, experimental or deprecated, and unregistered for anything that only bears the name."""
    entry = find(kind, name)
    if entry is None or entry["distribution"] != distribution:
        return "unregistered"
    return str(entry["status"])


def search(*words: str) -> list[Entry]:
    """Return the entries in which every word occurs, in any field.

    Examples
    --------
    >>> [entry["id"] for entry in search("cm-gems", "curriculum")]
    ['cm_gems', 'cm_step']
    """
    wanted = [word.lower() for word in words]
    return [entry for entry in entries() if all(word in _text_of(entry) for word in wanted)]


def _text_of(entry: Entry) -> str:
    fields = ("id", "kind", "summary", "distribution", "reference", "status")
    return " ".join([SINGULAR[entry["kind"]], *(str(entry[field]) for field in fields)]).lower()


def read_folder(registry: Path) -> list[dict[str, Any]]:
    """Read every ``KIND/NAME.toml`` of a registry folder; kind and id come from the path.

    Raises
    ------
    InputError
        A file is no TOML; the message names it.
    """
    found = []
    for path in sorted(path for kind in KINDS for path in registry.glob(f"{kind}/*.toml")):
        found.append({"id": path.stem, "kind": path.parent.name, **read_toml(path, "an entry")})
    return found


def build(registry: Path) -> str:
    """Return the text of the index of a registry folder; the same folder always gives the same text."""
    return json.dumps({"entries": read_folder(registry)}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    INDEX_FILE.write_text(build(Path(sys.argv[1])), encoding="utf-8")
