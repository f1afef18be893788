"""A masked sequence as a picture: the NPMI track over the letters, with what is hidden."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dnamask_plugins.plotting import QUIET, as_png, for_file
from dnamask_plugins.preview.masked import LEAKING, MaskedSequence, runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HIDDEN_COLOUR: Final = "#d1495b"
LEAKING_COLOUR: Final = "#f2c879"
TRACK_COLOUR: Final = "#30638e"
_LETTERS_PER_LINE: Final = 100
_MOST_LINES: Final = 12


def draw(sequences: list[MaskedSequence], title: str) -> bytes:
    """Return a PNG with every sequence, 100 letters a line; long sequences are drawn without letters.

    Parameters
    ----------
    sequences : list of MaskedSequence
    title : str
    """
    lines = [
        (sequence, start, stop) for sequence in sequences for start, stop in _lines(len(sequence.letters))
    ]
    scored = any(sequence.scores.size for sequence in sequences)
    height = 1.15 if scored else 0.55
    margin = 1.15
    figure = for_file(14, margin + height * max(len(lines), 1))
    grid = figure.add_gridspec(
        max(len(lines), 1),
        1,
        left=0.055,
        right=0.985,
        top=1 - 0.8 / figure.get_figheight(),
        bottom=0.35 / figure.get_figheight(),
        hspace=0.62,
    )
    low, high = _score_range(sequences)
    for number, (sequence, start, stop) in enumerate(lines):
        axes = figure.add_subplot(grid[number, 0])
        _draw_line(axes, sequence, start, stop, low, high)
        if start == 0:
            label = f"{sequence.name}   {sequence.summary()}"
            axes.set_title(label, loc="left", fontsize=8.5, color="#333940", pad=4)
    top = figure.get_figheight()
    figure.text(0.055, 1 - 0.3 / top, title, fontsize=13, weight="bold", color="#20242a", va="center")
    _draw_legend(figure, scored, 1 - 0.3 / top)
    return as_png(figure)


def _lines(length: int) -> list[tuple[int, int]]:
    size = _LETTERS_PER_LINE
    if length > size * _MOST_LINES:
        size *= math.ceil(length / _MOST_LINES / size)
    return [(start, min(start + size, length)) for start in range(0, max(length, 1), size)]


def _score_range(sequences: list[MaskedSequence]) -> tuple[float, float]:
    found = np.concatenate([np.zeros(1), *(sequence.scores for sequence in sequences)])
    found = found[np.isfinite(found)]
    return min(float(found.min()) * 1.1, -0.1), max(float(found.max()) * 1.15, 0.5)


def _draw_line(axes: Axes, sequence: MaskedSequence, start: int, stop: int, low: float, high: float) -> None:
    # Every line has the width of the longest, so that letters keep their size.
    width = max(_lines(len(sequence.letters))[0][1], 40)
    axes.set_xlim(start, start + width)
    axes.set_ylim(low, high)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#d5d9de")
    for first, last in runs(sequence.state[start:stop] == LEAKING):
        axes.axvspan(start + first, start + last, color=LEAKING_COLOUR, alpha=0.32, linewidth=0)
    for first, last in sequence.hidden_intervals:
        if first < stop and last > start:
            axes.axvspan(max(first, start), min(last, stop), color=HIDDEN_COLOUR, alpha=0.30, linewidth=0)
    if sequence.scores.size:
        _draw_track(axes, sequence, start, stop)
        axes.axhline(0, color="#d5d9de", linewidth=0.6, zorder=0)
        axes.tick_params(axis="y", labelsize=6.5, colors=QUIET, length=0)
        axes.set_ylabel("NPMI", fontsize=7, color=QUIET)
    else:
        axes.set_yticks([])
    lettered = width <= _LETTERS_PER_LINE
    axes.tick_params(axis="x", labelsize=6.5, colors=QUIET, length=2, pad=11 if lettered else 3)
    axes.set_xticks(range(start, stop, 10 if lettered else width // 10))
    if lettered:
        _draw_letters(axes, sequence, start, stop)


def _draw_track(axes: Axes, sequence: MaskedSequence, start: int, stop: int) -> None:
    middle = np.arange(sequence.scores.size) + sequence.window / 2
    here = (middle >= start - 1) & (middle <= stop + 1)
    axes.plot(middle[here], sequence.scores[here], color=TRACK_COLOUR, linewidth=1.0, zorder=3)
    axes.fill_between(middle[here], 0, sequence.scores[here], color=TRACK_COLOUR, alpha=0.12, linewidth=0)
    for first, last in runs(np.isnan(sequence.scores)):
        if first < stop and last > start:
            axes.hlines(
                0, first + sequence.window / 2 - 0.5, last + sequence.window / 2 - 0.5, QUIET, "dotted", lw=1
            )


def _draw_letters(axes: Axes, sequence: MaskedSequence, start: int, stop: int) -> None:
    below: Any = axes.get_xaxis_transform()
    for position in range(start, stop):
        hidden = sequence.state[position] == 2
        axes.text(
            position + 0.5,
            -0.11 if sequence.scores.size else -0.2,
            sequence.letters[position],
            transform=below,
            ha="center",
            va="center",
            fontsize=6.5,
            family="monospace",
            weight="bold" if hidden else "normal",
            color=HIDDEN_COLOUR if hidden else "#4b5159",
        )


def _draw_legend(figure: Any, scored: bool, height: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(color=HIDDEN_COLOUR, alpha=0.45, linewidth=0, label="hidden"),
        Patch(color=LEAKING_COLOUR, alpha=0.6, linewidth=0, label="in a masked token, but readable"),
    ]
    if scored:
        handles.append(Line2D([], [], color=TRACK_COLOUR, linewidth=1.4, label="NPMI of the window around"))
    figure.legend(
        handles=handles,
        loc="center right",
        bbox_to_anchor=(0.985, height),
        ncols=len(handles),
        frameon=False,
        fontsize=8,
        labelcolor="#4b5159",
    )
