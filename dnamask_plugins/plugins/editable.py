"""Whether a distribution is installed as a link to its sources."""

from __future__ import annotations

import json
from importlib.metadata import Distribution


def is_editable(distribution: Distribution | None) -> bool:
    """Say whether a distribution was installed with ``pip install -e`` (PEP 610)."""
    if distribution is None:
        return False
    try:
        stated = json.loads(distribution.read_text("direct_url.json") or "{}")
        return bool(stated.get("dir_info", {}).get("editable", False))
    except (AttributeError, OSError, ValueError):
        return False
