"""``dnamask results``: check and compare result records."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dnamask_plugins import terminal

if TYPE_CHECKING:
    from dnamask_plugins.results.compare import Comparison
    from dnamask_plugins.results.floors import BelowFloor

app = typer.Typer(help="Check and compare result records.", no_args_is_help=True)


class Form(str, Enum):
    """How to print."""

    text = "text"
    json = "json"
    csv = "csv"


@app.command()
def verify(
    paths: Annotated[list[Path], typer.Argument(help="Records, or folders of records.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what is wrong.")] = False,
) -> None:
    """Check form, hashes and ids, and compute every measured figure again from its predictions."""
    from rich.progress import track

    from dnamask_plugins.errors import InputError
    from dnamask_plugins.results import record_files
    from dnamask_plugins.results.verify import verify as verify_record

    files = record_files.find(paths)
    if not files:
        raise InputError(
            f"{', '.join(map(str, paths))}: no result records; name a folder that `dnamask gue run` wrote"
        )
    bad = 0
    counts = {"measured": 0, "published": 0}
    screen = terminal.console(stderr=True)
    for path in track(files, "records", console=screen, transient=True, disable=not screen.is_terminal):
        verdict = verify_record(path)
        for problem in verdict.problems:
            typer.secho(f"BAD  {path}: {problem.removeprefix(f'{path}: ')}", fg="red")
        bad += bool(verdict.problems)
        if verdict.record is not None and not verdict.problems:
            record = verdict.record
            counts[record.source] += 1
            if record.source == "measured" and not quiet:
                mean = "failed" if record.mean is None else f"{record.task.metric} {record.mean:.4f}"
                typer.echo(f"ok   {path}: {mean}, computed again from {verdict.seeds} seeds")
    typer.echo(
        f"{counts['measured']} measured records recomputed, {counts['published']} published ones, {bad} bad"
    )
    if bad:
        raise typer.Exit(1)


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="The model to start from: a record, or a folder of its records.")],
    b: Annotated[Path, typer.Argument(help="The model to judge.")],
    model_a: Annotated[
        str | None, typer.Option(help="Name of model A, where its folder holds several.")
    ] = None,
    model_b: Annotated[str | None, typer.Option(help="Name of model B.")] = None,
    method: Annotated[
        str | None, typer.Option(help="finetune, lora, probe or baseline, where there are several.")
    ] = None,
    form: Annotated[Form, typer.Option("--format", "-f", help="How to print.")] = Form.text,
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap resamples.")] = 2000,
    floors: Annotated[
        list[Path] | None, typer.Option(help="Records of floors besides those known for GUE. Repeatable.")
    ] = None,
) -> None:
    """Compare two models task by task: paired bootstrap, McNemar, wins, ties and losses, species means."""
    import json

    from dnamask_plugins.results import compare as comparing
    from dnamask_plugins.results.floors import below_floors, known_floors

    sides = [comparing.load_side(a, model_a, method), comparing.load_side(b, model_b, method)]
    comparison = comparing.compare(*sides, resamples=resamples)
    known = known_floors(floors or [])
    below = [each for side in sides for each in below_floors(side.name, side.records, known)]
    if form is Form.json:
        said = comparison.to_json() | {"below_floors": [asdict(each) for each in below]}
        typer.echo(json.dumps(said, indent=1))
    elif form is Form.csv:
        typer.echo(comparing.to_csv(comparison), nl=False)
    else:
        _print(comparison)
        _print_floors(below)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a result record."""
    import json

    from dnamask_plugins.results.schema import schema as record_schema

    typer.echo(json.dumps(record_schema(), indent=2))


def _print(comparison: Comparison) -> None:
    from rich.table import Table
    from rich.text import Text

    # A pipe has no width of its own; 80 columns would fold the table.
    console = terminal.console(width=None if sys.stdout.isatty() else 120)
    console.print(
        Text.assemble(
            "A = ", (comparison.a, "bold"), "   B = ", (comparison.b, "bold"), "   scores x 100, B - A"
        )
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("task", "metric", "A", "B", "B - A", "95% interval", "McNemar p", "verdict"):
        table.add_column(
            name, justify="right" if name in ("A", "B", "B - A", "95% interval", "McNemar p") else "left"
        )
    colours = {"B better": "green", "A better": "red", "within noise": "yellow", "untested": "dim"}
    for task in comparison.tasks:
        colour = colours[task.verdict]
        table.add_row(
            task.task,
            task.metric,
            f"{task.a * 100:.2f}",
            f"{task.b * 100:.2f}",
            f"{task.difference * 100:+.2f}",
            _interval(task.low, task.high),
            "" if task.mcnemar_p is None else f"{task.mcnemar_p:.2g}",
            Text(task.verdict, style=colour),
        )
    for group in comparison.groups:
        colour = colours[group.verdict]
        table.add_row(
            Text(f"mean {group.group} ({group.tasks})", style="bold"),
            group.metric,
            f"{group.a * 100:.2f}",
            f"{group.b * 100:.2f}",
            f"{group.difference * 100:+.2f}",
            _interval(group.low, group.high),
            "",
            Text(group.verdict, style=colour),
        )
    console.print(table)
    for note in sorted({task.note for task in comparison.tasks if task.note}):
        named = [task.task for task in comparison.tasks if task.note == note]
        where = f"all {len(named)} tasks" if len(named) == len(comparison.tasks) else ", ".join(named)
        console.print(f"note: {note}: {where}", style="dim")
    counts = comparison.counts
    tested = counts["wins"] + counts["ties"] + counts["losses"]
    if tested:
        console.print(
            f"B against A: {counts['wins']} wins, {counts['ties']} ties (within noise), "
            f"{counts['losses']} losses; of {tested} tests, {tested * 0.05:.1f} would differ by chance alone"
        )
    untested = len(comparison.tasks) - tested
    if untested:
        console.print(
            f"{untested} not tested (published figures have no predictions): B higher on "
            f"{counts['untested_higher']}, equal on {counts['untested_equal']}, "
            f"lower on {counts['untested_lower']}"
        )
    for side, names in (("A", comparison.only_in_a), ("B", comparison.only_in_b)):
        if names:
            console.print(f"only in {side}: {', '.join(names)}")


def _print_floors(below: Sequence[BelowFloor]) -> None:
    """Say which figures do not show that anything was learnt in pretraining."""
    console = terminal.console(width=None if sys.stdout.isatty() else 120)
    for name in dict.fromkeys(each.model for each in below):
        parts = [
            f"{each.task} {each.value * 100:.2f} (floor {each.floor_value * 100:.2f}, {each.floor})"
            for each in below
            if each.model == name
        ]
        console.print(f"{name} is not above a floor on {', '.join(parts)}", style="yellow")


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low * 100:+.2f} .. {high * 100:+.2f}"
