"""Masked sequences as one HTML file that needs nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnamask_plugins.preview.masked import HIDDEN, LEAKING, SHOWN, MaskedSequence

_LINE = 80
_CLASSES = {SHOWN: "", LEAKING: "leaking", HIDDEN: "hidden"}
_TRACK_HEIGHT = 90.0


def page(title: str, settings: dict[str, str], sequences: list[MaskedSequence]) -> str:
    """Return the page; every text that comes from outside is escaped.

    Parameters
    ----------
    title : str
    settings : mapping from label to value
    sequences : list of MaskedSequence
    """
    from jinja2 import Environment, PackageLoader, select_autoescape

    environment = Environment(
        loader=PackageLoader("dnamask_plugins.preview", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = [
        {
            "name": sequence.name,
            "summary": sequence.summary(),
            "lines": _lines(sequence),
            "track": _track(sequence),
            "length": len(sequence.letters),
            "hidden": sequence.hidden_intervals,
            "window": sequence.window,
        }
        for sequence in sequences
    ]
    return environment.get_template("page.html.j2").render(title=title, settings=settings, sequences=shown)


def _lines(sequence: MaskedSequence) -> list[dict[str, Any]]:
    lines = []
    for start in range(0, len(sequence.letters), _LINE):
        pieces: list[dict[str, str]] = []
        letters = sequence.letters[start : start + _LINE]
        for letter, state in zip(letters, sequence.state[start : start + _LINE].tolist(), strict=True):
            if pieces and pieces[-1]["state"] == _CLASSES[state]:
                pieces[-1]["letters"] += letter
            else:
                pieces.append({"state": _CLASSES[state], "letters": letter})
        lines.append({"start": start, "pieces": pieces})
    return lines


def _track(sequence: MaskedSequence) -> dict[str, Any] | None:
    """Return the NPMI track as coordinates of an SVG, one unit a nucleotide."""
    known = sequence.scores[np.isfinite(sequence.scores)]
    if not known.size:
        return None
    low, high = min(float(known.min()), 0.0), max(float(known.max()), 0.0)
    scale = _TRACK_HEIGHT / ((high - low) or 1.0)
    points: list[list[str]] = [[]]
    for start, score in enumerate(sequence.scores):
        if np.isnan(score):
            points.append([])
        else:
            points[-1].append(f"{start + sequence.window / 2:g},{(high - score) * scale:.1f}")
    return {
        "lines": [" ".join(stretch) for stretch in points if stretch],
        "zero": round(high * scale, 1),
        "height": _TRACK_HEIGHT,
        "low": f"{low:.2f}",
        "high": f"{high:.2f}",
    }
