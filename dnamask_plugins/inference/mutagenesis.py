"""In-silico mutagenesis as a picture: what the model expects at each place, and what each change would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from dnamask_plugins.errors import InputError
from dnamask_plugins.nucleotides import decode_codes
from dnamask_plugins.plotting import QUIET, as_png, for_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: Final = {"A": "#3a7d44", "C": "#30638e", "G": "#e0a030", "T": "#c8403f", "N": QUIET}
_PER_LINE: Final = 80
_MOST_LINES: Final = 15
LONGEST: Final = _PER_LINE * _MOST_LINES
_LINE_INCHES: Final = 1.75


def draw(
    codes: NDArray[np.uint8], logs: NDArray[np.float64], title: str, start: int = 0, subtitle: str = ""
) -> bytes:
    """Return a PNG: letters as high as the model is sure of them, the sequence, and a map of all changes.

    Parameters
    ----------
    codes : uint8 array, shape (n,)
        The sequence, at most 1,200 nucleotides.
    logs : float64 array, shape (n, 4)
        Log-probabilities of A, C, G, T at each place given the rest; NaN where there are none.
    title : str
    start : int
        Position of the first nucleotide.
    subtitle : str

    Raises
    ------
    InputError
        The sequence is empty or too long for a picture.
    """
    if not 0 < codes.size <= LONGEST:
        raise InputError(
            f"a picture shows 1 to {LONGEST:,} nucleotides, but there are {codes.size:,}; "
            "choose a part with --region START-STOP"
        )
    heights = information(logs)
    highest = min(max(float(heights.sum(axis=1).max()) * 1.05, 0.2), 2.0)
    lines = -(-codes.size // _PER_LINE)
    height = 1.15 + _LINE_INCHES * lines
    figure = for_file(14, height)
    grid = figure.add_gridspec(
        lines, 1, left=0.06, right=0.985, top=1 - 0.85 / height, bottom=0.35 / height, hspace=0.42
    )
    changes = change_of(codes, logs)
    bound = max(float(np.nanquantile(np.abs(changes), 0.99)) if np.isfinite(changes).any() else 1.0, 0.1)
    for line in range(lines):
        part = slice(line * _PER_LINE, min((line + 1) * _PER_LINE, codes.size))
        inner = grid[line, 0].subgridspec(2, 1, height_ratios=(1.15, 1), hspace=0.3)
        top, below = figure.add_subplot(inner[0, 0]), figure.add_subplot(inner[1, 0])
        _draw_expected(top, heights[part], highest)
        image = _draw_changes(below, codes[part], changes[part], start + part.start, bound)
    _draw_heading(figure, title, subtitle, image, height)
    return as_png(figure)


def change_of(codes: NDArray[np.uint8], logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ln p(letter) - ln p(letter in the sequence), shape (n, 4); NaN where that is not known.

    Examples
    --------
    >>> change_of(np.array([0], dtype=np.uint8), np.log([[0.5, 0.25, 0.125, 0.125]])).round(2).tolist()
    [[0.0, -0.69, -1.39, -1.39]]
    """
    own = np.take_along_axis(logs, np.minimum(codes, 3).astype(np.int64)[:, None], axis=1)
    return np.where((codes < 4)[:, None], logs - own, np.nan)


def information(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the height of each letter in bits, p(letter) * (2 - entropy), shape (n, 4); 0 where unknown.

    Examples
    --------
    >>> information(np.log([[1.0, 1e-99, 1e-99, 1e-99], [0.25, 0.25, 0.25, 0.25]])).sum(1).round(3).tolist()
    [2.0, 0.0]
    """
    probabilities = np.exp(logs)
    entropy = -(probabilities * logs / np.log(2)).sum(axis=1, keepdims=True)
    return np.nan_to_num(probabilities * np.maximum(2 - entropy, 0))


def _style(axes: Axes) -> None:
    axes.set_xlim(0, _PER_LINE)
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=6.5, colors=QUIET, length=0)


def _draw_expected(axes: Axes, bits: NDArray[np.float64], highest: float) -> None:
    font = FontProperties(family="DejaVu Sans", weight="bold")
    paths = {letter: TextPath((0, 0), letter, size=1, prop=font) for letter in "ACGT"}
    for place, heights in enumerate(bits):
        base = 0.0
        for code in np.argsort(heights):
            letter, height = "ACGT"[code], float(heights[code])
            if height < highest / 200:
                continue
            box = paths[letter].get_extents()
            shape = Affine2D().translate(-box.x0, -box.y0).scale(0.9 / box.width, height / box.height)
            path = paths[letter].transformed(shape.translate(place + 0.05, base))
            axes.add_patch(PathPatch(path, color=COLOURS[letter], linewidth=0))
            base += height
    _style(axes)
    axes.set_ylim(0, highest)
    axes.set_xticks([])
    axes.set_yticks([0, highest], ["0", f"{highest:.2g}"])
    axes.axhline(0, color="#d5d9de", linewidth=0.6)
    axes.set_ylabel("bits", fontsize=7, color=QUIET)


def _draw_changes(
    axes: Axes, codes: NDArray[np.uint8], changes: NDArray[np.float64], start: int, bound: float
) -> Any:
    below: Any = axes.get_xaxis_transform()
    image = axes.imshow(
        changes.T,
        extent=(0, len(codes), 4, 0),
        aspect="auto",
        cmap="RdBu",
        vmin=-bound,
        vmax=bound,
        interpolation="nearest",
    )
    for place, letter in enumerate(decode_codes(codes)):
        axes.text(
            place + 0.5,
            1.16,
            letter,
            transform=below,
            ha="center",
            va="center",
            fontsize=7.5,
            family="monospace",
            weight="bold",
            color=COLOURS[letter],
        )
        if codes[place] < 4:
            axes.plot(place + 0.5, codes[place] + 0.5, ".", color="#4b5159", markersize=2.2)
    _style(axes)
    axes.set_yticks([0.5, 1.5, 2.5, 3.5], list("ACGT"), family="monospace")
    ticks = np.arange(-start % 10, len(codes), 10)
    axes.set_xticks(ticks + 0.5, [f"{start + tick:,}" for tick in ticks])
    return image


def _draw_heading(figure: Any, title: str, subtitle: str, image: Any, height: float) -> None:
    top = 1 - 0.3 / height
    figure.text(0.06, top, title, fontsize=13, weight="bold", color="#20242a", va="center")
    figure.text(0.06, top - 0.24 / height, subtitle, fontsize=8.5, color="#4b5159", va="center")
    bar = figure.add_axes((0.80, top - 0.04 / height, 0.18, 0.09 / height))
    bound = image.get_clim()[1]
    scale = figure.colorbar(image, cax=bar, orientation="horizontal", ticks=[-bound, 0, bound])
    scale.set_ticklabels([f"{-bound:.2g}", "0", f"{bound:.2g}"])
    bar.tick_params(labelsize=6.5, colors=QUIET, length=0)
    bar.spines[:].set_visible(False)
    bar.set_title("ln p(change) - ln p(sequence)", fontsize=7.5, color="#4b5159", pad=3)
