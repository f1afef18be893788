"""Figures of matplotlib, as the bytes of a picture file or as a part of a page.

matplotlib takes time to import: it is imported by the function that begins a figure.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS: Final = (
    *("#30638e", "#d1495b", "#edae49", "#00798c", "#7b5ea7", "#66a182"),
    *("#2e4057", "#b56b45", "#c77dba", "#8d96a3", "#5c8001", "#a63446"),
)
"""Of lines, bars and points, the first for the most important."""

QUIET: Final = "#8a8f98"
"""Of what is there to compare with, and of what is not known."""


def for_page(width: float, height: float) -> Figure:
    """Begin a figure of so many inches that `as_svg` writes."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def for_file(width: float, height: float, **options: Any) -> Figure:
    """Begin a figure of so many inches, white, that `as_png` writes; options are those of ``Figure``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white", **{"dpi": 150, **options})
    FigureCanvasAgg(figure)  # measures texts as they will be drawn
    return figure


def as_svg(figure: Figure) -> str:
    """Return a figure as an ``<svg>`` element: without the head of a file of its own, and without a date."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    _, start, rest = buffer.getvalue().partition("<svg")
    return start + rest


def as_png(figure: Figure) -> bytes:
    """Return a figure as a PNG file, which does not name the version that drew it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
