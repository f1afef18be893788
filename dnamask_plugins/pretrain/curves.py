"""Training curves as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


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
    from matplotlib.figure import Figure

    train = [(row["step"], row["loss"]) for row in history if "loss" in row]
    evaluated = [(row["step"], row["eval_perplexity"]) for row in history if "eval_perplexity" in row]
    names = sorted({key for row in history for key in row if key.startswith("strategy/")})

    figure = Figure(figsize=(8, 5.2), dpi=130)
    # Margins by hand: to have them found doubles the time, which is a third of a run of a few steps.
    figure.subplots_adjust(left=0.09, right=0.9, top=0.94, bottom=0.095, hspace=0.08)
    loss_axes, share_axes = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    if train:
        loss_axes.plot(*zip(*train, strict=True), color="#3465a4", lw=1.6, label="training loss")
    loss_axes.set_ylabel("masked-token loss")
    loss_axes.spines[["top", "right"]].set_visible(False)
    if evaluated:
        perplexity_axes = loss_axes.twinx()
        perplexity_axes.plot(
            *zip(*evaluated, strict=True), "o-", color="#c4622d", ms=4, lw=1.4, label="validation perplexity"
        )
        perplexity_axes.set_ylabel("validation perplexity")
        perplexity_axes.spines["top"].set_visible(False)
        handles = loss_axes.get_lines() + perplexity_axes.get_lines()
        loss_axes.legend(handles, [line.get_label() for line in handles], frameon=False, loc="upper right")
    steps = [row["step"] for row in history if "loss" in row]
    if names and steps:
        shares = [[row.get(name, 0.0) for row in history if "loss" in row] for name in names]
        share_axes.stackplot(
            steps,
            shares,
            labels=[name.removeprefix("strategy/") for name in names],
            colors=["#7aa6c2", "#d8a36c", "#8fb08c", "#b08cb0"],
            step="pre",
        )
        share_axes.legend(framealpha=0.9, edgecolor="none", fontsize=8, ncols=len(names), loc="lower left")
    share_axes.set_ylim(0, 1)
    share_axes.set_ylabel("strategy")
    share_axes.set_xlabel("optimizer step")
    share_axes.spines[["top", "right"]].set_visible(False)
    if title:
        loss_axes.set_title(title, loc="left", fontsize=11)
    partial = path.with_name(f".{path.name}.partial")
    figure.savefig(partial, format="png")
    partial.replace(path)
