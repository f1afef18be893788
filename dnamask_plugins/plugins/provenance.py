"""Which code a plugin is: distribution, version, and a hash of its source where the version does not say."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from dnamask_plugins.plugins.discovery import info
from dnamask_plugins.plugins.editable import is_editable

OWN_DISTRIBUTION: Final = "dnamask-plugins"


def provenance(kind: str, name: str) -> dict[str, str]:
    """Describe the code behind a plugin's name.

    A built-in of a released version is described by its distribution alone: what it computes is frozen
    (CONTRIBUTING). An editable install, and anything of others, is described by version and source too.

    Returns
    -------
    dict
        ``distribution``, and where they matter ``version`` and ``source`` (16 hex digits).

    Raises
    ------
    PluginError
        Nobody provides the name, or two distributions do.
    """
    plugin = info(kind, name)
    own = plugin.distribution.lower().replace("_", "-") == OWN_DISTRIBUTION
    described = {"distribution": plugin.distribution}
    if not own:
        described["version"] = plugin.version
    if not own or is_editable(distribution(plugin.distribution)):
        described["source"] = source_hash(plugin.value.partition(":")[0])
    return described


@functools.cache
def source_hash(module: str) -> str:
    """Return 16 hex digits of the folder that a module lies in, or of the file of a module without one."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        return "unknown"
    origin = Path(spec.origin)
    files = sorted(origin.parent.rglob("*")) if spec.parent else [origin]
    digest = hashlib.sha256()
    for path in files:
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            digest.update(str(path.relative_to(origin.parent)).encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
