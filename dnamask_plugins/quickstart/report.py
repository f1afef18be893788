"""The quickstart's page: figures, curves and the caveat, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from dnamask_plugins.files import write_atomically
from dnamask_plugins.plotting import QUIET, as_svg, for_page
from dnamask_plugins.quickstart.arms import CAVEAT, PROBES, SEEDS, Arm, mean_and_deviation
from dnamask_plugins.quickstart.settings import Sizes

COLORS: Final = (QUIET, "#2f6f8f")


def write_report(
    path: Path,
    arms: Sequence[Arm],
    species: Sequence[str],
    sizes: Sizes,
    nucleotides: int,
    seconds: float,
) -> None:
    """Write a self-contained HTML page."""
    templates = Environment(
        loader=PackageLoader("dnamask_plugins.quickstart"),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
    )
    rows = [
        {
            "name": arm.name,
            "switch": arm.switch_step,
            "perplexity": [arm.perplexity[probe] for probe in PROBES],
            "mcc": [100 * value for value in mean_and_deviation(arm.scores["mcc"])],
            "seeds": [100 * value for value in arm.scores["mcc"]],
        }
        for arm in arms
    ]
    page = templates.get_template("report.html.j2").render(
        rows=rows,
        probes=PROBES,
        seeds=SEEDS,
        species=species,
        sizes=sizes,
        nucleotides=nucleotides,
        seconds=seconds,
        caveat=CAVEAT,
        curves=Markup(_curves(arms)),
        scores=Markup(_scores(arms)),
    )
    write_atomically(path, page)


def _curves(arms: Sequence[Arm]) -> str:
    figure = for_page(9, 3.4)
    loss_axes, perplexity_axes = figure.subplots(1, 2)
    for arm, color in zip(arms, COLORS, strict=False):
        loss = [(row["step"], row["loss"]) for row in arm.history if "loss" in row]
        loss_axes.plot(*zip(*loss, strict=True), color=color, lw=1.8, label=arm.name)
        held_out = [(row["step"], row["eval_perplexity"]) for row in arm.history if "eval_perplexity" in row]
        perplexity_axes.plot(*zip(*held_out, strict=True), "o-", color=color, lw=1.6, ms=4, label=arm.name)
        if arm.switch_step is not None:
            for axes in (loss_axes, perplexity_axes):
                axes.axvline(arm.switch_step, color=color, lw=1, ls=":")
    loss_axes.set_title("training loss, each under its own mask", loc="left", fontsize=10)
    perplexity_axes.set_title("validation perplexity, each under its own probe", loc="left", fontsize=10)
    for axes in (loss_axes, perplexity_axes):
        axes.set_xlabel("optimizer step")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    return as_svg(figure)


def _scores(arms: Sequence[Arm]) -> str:
    figure = for_page(9, 0.7 + 0.5 * len(arms))
    axes = figure.subplots()
    for place, (arm, color) in enumerate(zip(arms, COLORS, strict=False)):
        values = [100 * value for value in arm.scores["mcc"]]
        axes.plot(values, [place] * len(values), "o", color=color, ms=8, alpha=0.75)
        axes.plot([sum(values) / len(values)] * 2, [place - 0.25, place + 0.25], color=color, lw=2.5)
    axes.set_yticks(range(len(arms)), [arm.name for arm in arms])
    axes.set_ylim(-0.6, len(arms) - 0.4)
    axes.set_xlabel("MCC x 100 on test, one dot per fine-tuning seed")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    return as_svg(figure)
