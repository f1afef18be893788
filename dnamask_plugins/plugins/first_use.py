"""Whether a user meets a distribution's code for the first time."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from pathlib import Path

from dnamask_plugins.plugins.editable import is_editable

_MET: set[str] = set()


def first_use(entry_point: EntryPoint, origin: str) -> bool:
    """Say whether this user never ran code of this distribution and version, and remember it.

    Never for an editable install: that is code of one's own. Where nothing can be remembered, always.
    """
    if origin in _MET or is_editable(getattr(entry_point, "dist", None)):
        return False
    _MET.add(origin)
    import platformdirs

    mark = Path(
        platformdirs.user_state_dir("dnamask", appauthor=False), "seen", re.sub(r"[^\w.+-]", "_", origin)
    )
    try:
        if mark.exists():
            return False
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:
        pass
    return True
