"""Training curves as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnamask_plugins.files import write_atomically
from dnamask_plugins.plotting import as_png, for_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_curves(history: Sequence[Mapping[str, Any]], path: Path, title: str = "") -> None:
    """Draw training loss, validation perplexity and the shares of the strategies over the steps.

    Parameters
    ----------
    history : sequence of dict
        Trainer's log history.
    path : Path
        PNG file to write.
    title : str
    """
    figure = for_file(8, 5.2, dpi=130)
    # Margins by hand: to have them found doubles the time, which is a third of a run of a few steps.
    figure.subplots_adjust(left=0.09, right=0.9, top=0.94, bottom=0.095, hspace=0.08)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    _draw_loss(above, history)
    _draw_perplexity(above, history)
    _draw_shares(below, [row for row in history if "loss" in row])
    below.set_xlabel("optimizer step")
    if title:
        above.set_title(title, loc="left", fontsize=11)
    write_atomically(path, as_png(figure))


def _draw_loss(axes: Axes, history: Sequence[Mapping[str, Any]]) -> None:
    points = [(row["step"], row["loss"]) for row in history if "loss" in row]
    if points:
        axes.plot(*zip(*points, strict=True), color="#3465a4", lw=1.6, label="training loss")
    axes.set_ylabel("masked-token loss")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_perplexity(loss_axes: Axes, history: Sequence[Mapping[str, Any]]) -> None:
    """Draw over the loss, with a scale on the right and a legend of both."""
    points = [(row["step"], row["eval_perplexity"]) for row in history if "eval_perplexity" in row]
    if not points:
        return
    axes = loss_axes.twinx()
    axes.plot(*zip(*points, strict=True), "o-", color="#c4622d", ms=4, lw=1.4, label="validation perplexity")
    axes.set_ylabel("validation perplexity")
    axes.spines["top"].set_visible(False)
    handles = [*loss_axes.get_lines(), *axes.get_lines()]
    loss_axes.legend(handles, [str(line.get_label()) for line in handles], frameon=False, loc="upper right")


def _draw_shares(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    names = sorted({key for row in rows for key in row if key.startswith("strategy/")})
    if names:
        axes.stackplot(
            [row["step"] for row in rows],
            [[row.get(name, 0.0) for row in rows] for name in names],
            labels=[name.removeprefix("strategy/") for name in names],
            colors=["#7aa6c2", "#d8a36c", "#8fb08c", "#b08cb0"],
            step="pre",
        )
        axes.legend(framealpha=0.9, edgecolor="none", fontsize=8, ncols=len(names), loc="lower left")
    axes.set_ylim(0, 1)
    axes.set_ylabel("strategy")
    axes.spines[["top", "right"]].set_visible(False)
