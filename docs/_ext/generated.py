"""Pages that are made from the program itself when the site is built, so that they cannot grow stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cli_page
import picture_pages
import plugins_page
import records_page
import settings_page
from sphinx.application import Sphinx

PAGES = {
    "reference/cli.md": cli_page.write,
    "reference/settings.md": settings_page.write,
    "reference/plugins.md": plugins_page.write,
    "reference/records.md": records_page.write,
}


def write_pages(app: Sphinx) -> None:
    """Write every generated page below the folder of the sources."""
    for name, write in PAGES.items():
        path = Path(app.srcdir) / name
        text = write()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    picture_pages.draw(Path(app.srcdir) / "start" / "pictures")


def keep_colons(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Napoleon takes the text before a colon for the type of an attribute; ours are sentences."""
    if what in ("attribute", "data", "property") and lines:
        lines[0] = lines[0].replace(": ", " - ", 1)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", keep_colons, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
