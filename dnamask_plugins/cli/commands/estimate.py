"""``dnamask estimate``: what a pretraining run will cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dnamask_plugins import terminal
from dnamask_plugins.cli.options import common
from dnamask_plugins.cli.options import pretraining as option
from dnamask_plugins.cli.options.common import TextOrJson
from dnamask_plugins.cli.run_settings import settings_of
from dnamask_plugins.pretrain.published_runs import GPUS, PETAFLOP_DAY, PUBLISHED, find_gpu

if TYPE_CHECKING:
    from rich.table import Table

    from dnamask_plugins.pretrain.estimate import Estimate
    from dnamask_plugins.pretrain.published_runs import Gpu

app = typer.Typer()


@app.command()
def estimate(
    config: option.ConfigOfPretrain = None,
    backbone: option.BackboneOrFolder = None,
    tokenizer: option.AnyTokenizer = None,
    max_steps: option.MaxSteps = None,
    batch_size: option.WindowsPerDevice = None,
    accumulation: option.Accumulation = None,
    mask_rate: option.FractionToMask = None,
    lora: option.LoraRank = None,
    assignments: option.AssignmentsOfPretrain = None,
    gpu: option.GpuName = "a100",
    gpus: option.GpuCount = 1,
    utilisation: option.Utilisation = 0.35,
    measure: option.Measure = False,
    format: Annotated[TextOrJson, typer.Option(help="How the figures are written.")] = TextOrJson.text,
    as_json: common.FormatJson = False,
) -> None:
    """Estimate parameters, memory, operations, storage and hours of a pretraining run.

    The formula is in the docstring of dnamask_plugins.pretrain.estimate; the table sets the run beside the
    published ones. No corpus is needed.
    """
    from dnamask_plugins.models.source import find_source
    from dnamask_plugins.pretrain import estimate as estimation

    flags = {
        "backbone": backbone,
        "curriculum.mask_rate": mask_rate or None,
        "lora.rank": lora or None,
        "trainer.max_steps": max_steps,
        "trainer.per_device_train_batch_size": batch_size,
        "trainer.gradient_accumulation_steps": accumulation,
    }
    # None of the two is read for an estimate.
    settings = settings_of(config, flags, assignments or (), needed={"corpus": "none", "output": "none"})
    chosen = find_source(settings.backbone).tokenizer(tokenizer or settings.tokenizer)
    device = find_gpu(gpu)
    figures = estimation.estimate(settings, chosen, gpus)
    seconds = estimation.measure(settings, chosen) if measure else None
    if as_json or format is TextOrJson.json:
        _print_json(figures, device, gpus, utilisation, seconds)
    else:
        _print_text(settings.backbone, figures, device, gpus, utilisation, seconds)


def _rows(figures: Estimate, gpu: Gpu, gpus: int, utilisation: float) -> list[dict[str, Any]]:
    total = figures.operations_per_step * figures.steps
    rows: list[dict[str, Any]] = [
        {
            "run": "this run",
            "tokens": figures.tokens_per_step * figures.steps,
            "operations": total,
            "petaflop_days": total / PETAFLOP_DAY,
            "published": None,
            "hours": figures.hours(gpu, gpus, utilisation),
        }
    ]
    for each in PUBLISHED:
        seconds = each.operations() / (gpus * gpu.teraflops * 1e12 * utilisation)
        rows.append(
            {
                "run": each.name,
                "tokens": each.tokens,
                "operations": each.operations(),
                "petaflop_days": each.petaflop_days(),
                "counted": each.counted,
                "published": {
                    "days": each.days,
                    "gpus": each.gpus,
                    "gpu": each.gpu,
                    "utilisation": each.utilisation(),
                    "source": each.source,
                    "peak_source": GPUS[each.gpu].source,
                },
                "hours": seconds / 3600,
            }
        )
    return rows


def _print_json(figures: Estimate, gpu: Gpu, gpus: int, utilisation: float, seconds: float | None) -> None:
    document = figures.to_dict() | {
        "gpu": {"name": gpu.name, "count": gpus, "peak_teraflops": gpu.teraflops, "memory_gib": gpu.memory},
        "utilisation": utilisation,
        "runs": _rows(figures, gpu, gpus, utilisation),
        "measured_here": None
        if seconds is None
        else {"seconds_per_step": seconds, "hours": seconds * figures.steps / 3600},
    }
    typer.echo(json.dumps(document, indent=2))


def _print_text(
    backbone: str, figures: Estimate, gpu: Gpu, gpus: int, utilisation: float, seconds: float | None
) -> None:
    memory = figures.memory_bytes / 2**30
    fits = "fits" if memory < gpu.memory else "too much for"
    ratio = figures.plain_operations_per_step / figures.operations_per_step
    million = 1e6
    lines = [
        ("model", f"{backbone}, {figures.parameters / million:.1f} M parameters"),
        ("trained", f"{figures.trained_parameters / million:.1f} M parameters"),
        ("a step", f"{figures.windows_per_step} windows of {figures.tokens_per_step:,.0f} tokens in all"),
        ("predicted", f"{figures.predicted_per_step:,.0f} tokens a step"),
        (
            "operations",
            f"{figures.operations_per_step / 1e12:.3g} T a step; {ratio:.1f} times as many if padded",
        ),
        ("memory", f"{memory:.1f} GiB on each device: {fits} {gpu.name} ({gpu.memory:g} GiB)"),
        ("storage", f"{figures.storage_bytes / 2**30:.1f} GiB of checkpoints and model"),
    ]
    if seconds is not None:
        hours = seconds * figures.steps / 3600
        lines.append(("measured", f"{seconds:.1f} s a step on this machine's CPU, {hours:,.1f} hours in all"))
    for label, text in lines:
        typer.echo(f"{label:11s} {text}")
    terminal.console(width=80).print(_table(figures, gpu, gpus, utilisation))
    typer.echo("1 petaflop/s-day = 8.64e19 operations; ~ from hardware and days, elsewhere counted. Sources:")
    typer.echo("--format json; those that begin with 'unchecked' could not be found for checking.")


def _table(figures: Estimate, gpu: Gpu, gpus: int, utilisation: float) -> Table:
    """Set the run beside the published ones."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, title=f"hours on {gpus} x {gpu.name} at {utilisation:.0%} of its peak")
    for column in ("run", "tokens", "Pflop/s-days", "published", "of peak", "hours here"):
        table.add_column(column, justify="left" if column in ("run", "published") else "right")
    for row in _rows(figures, gpu, gpus, utilisation):
        known = row["published"]
        about = "" if row.get("counted", True) else "~"
        table.add_row(
            row["run"],
            f"{row['tokens']:.2g}" if row["tokens"] else "",
            f"{about}{row['petaflop_days']:.3g}",
            f"{known['days']:g} d, {known['gpus']} x {known['gpu']}" if known else "",
            f"{about}{known['utilisation']:.0%}" if known else "",
            f"{row['hours']:,.2f}",
        )
    return table
