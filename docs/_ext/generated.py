"""Pages that are made from the program itself when the site is built, so that they cannot grow stale."""

from __future__ import annotations

from pathlib import Path

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


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
