"""``dnamask results``: check and compare result records."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dnamask_plugins import terminal
from dnamask_plugins.cli.options.common import FormatJson
from dnamask_plugins.errors import InputError
from dnamask_plugins.results.append_only import changed_records
from dnamask_plugins.results.schema import schema as record_schema
from dnamask_plugins.suite_names import GUE

if TYPE_CHECKING:
    from dnamask_plugins.results.verify import Verdict

app = typer.Typer(help="Check and compare result records.", no_args_is_help=True)


class Form(str, Enum):
    """How to print."""

    text = "text"
    json = "json"
    csv = "csv"


@app.command()
def verify(
    paths: Annotated[list[Path], typer.Argument(help="Records, or folders of records.")],
    data: Annotated[
        Path | None,
        typer.Option("--gue-dir", help="Folder of the data sets: compare labels and leaks with the files."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what is wrong.")] = False,
) -> None:
    """Check every redundancy of records, and compute each measured figure again from its predictions."""
    from rich.progress import track

    from dnamask_plugins.results import record_files
    from dnamask_plugins.results.verify import verify as verify_record

    files = record_files.find(paths)
    if not files:
        raise InputError(
            f"{', '.join(map(str, paths))}: no result records; name a folder that `dnamask gue run` wrote"
        )
    counts, unchecked = Counter[str](), Counter[str]()
    screen = terminal.console(stderr=True)
    for path in track(files, "records", console=screen, transient=True, disable=not screen.is_terminal):
        verdict = verify_record(path, data)
        found = "bad" if verdict.problems or verdict.record is None else verdict.record.source
        counts[found] += 1
        for problem in verdict.problems:
            typer.secho(f"BAD  {path}: {problem.removeprefix(f'{path}: ')}", fg="red")
        if found == "measured":
            unchecked.update(verdict.names("not possible"))
            if not quiet:
                typer.echo(f"ok   {path}: {_found(verdict)}")
    typer.echo(
        f"{counts['measured']} measured records recomputed, {counts['published']} published ones, "
        f"{counts['bad']} bad"
    )
    if unchecked:
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(unchecked.items()))
        typer.echo(f"could not be checked, in so many records: {listed}")
    if counts["bad"]:
        raise typer.Exit(1)


def _found(verdict: Verdict) -> str:
    from dnamask_plugins.tasks.metrics import METRICS, shown

    assert verdict.record is not None
    record = verdict.record
    title = METRICS[record.task.metric].title
    mean = "failed" if record.mean is None else f"{title} {shown(record.mean)}"
    left = verdict.names("not possible")
    rest = f"; not checked: {', '.join(left)}" if left else ""
    return f"{mean}, computed again from {verdict.seeds} seeds{rest}"


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
    as_json: FormatJson = False,
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap resamples.")] = 2000,
    floors: Annotated[
        list[Path] | None, typer.Option(help="Records of floors besides those known for GUE. Repeatable.")
    ] = None,
) -> None:
    """Compare two models task by task: paired bootstrap, McNemar, wins, ties and losses, species means."""
    from dnamask_plugins.results import compare as comparing
    from dnamask_plugins.results.compare_text import print_comparison, print_floors
    from dnamask_plugins.results.floors import below_floors, known_floors
    from dnamask_plugins.results.sides import load_side

    sides = [load_side(a, model_a, method), load_side(b, model_b, method)]
    comparison = comparing.compare(*sides, resamples=resamples)
    known = known_floors(floors or [])
    below = [each for side in sides for each in below_floors(side.name, side.records, known)]
    if as_json or form is Form.json:
        said = comparison.to_json() | {"below_floors": [asdict(each) for each in below]}
        typer.echo(json.dumps(said, indent=1))
    elif form is Form.csv:
        typer.echo(comparing.to_csv(comparison), nl=False)
    else:
        print_comparison(comparison)
        print_floors(below)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a result record."""
    typer.echo(json.dumps(record_schema(), indent=2))


@app.command("add-published")
def add_published(
    table: Annotated[Path, typer.Argument(help="CSV: model, task, value, source, ...; values x 100.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="Folder of records.")] = Path(
        "registry/results"
    ),
    source: Annotated[str, typer.Option(help="The paper, where the table has no such column.")] = "",
    place: Annotated[str, typer.Option("--table", help="Table of the paper.")] = "",
    url: Annotated[str, typer.Option(help="Where it can be read; https.")] = "",
    suite: Annotated[str, typer.Option(help="Suite of the tasks.")] = GUE,
    keep_good: Annotated[
        bool, typer.Option("--keep-good", help="Write the good rows although others are refused.")
    ] = False,
) -> None:
    """Add figures that a paper prints, of any lab; each row is checked, and none is dropped in silence."""
    from dnamask_plugins.results.published import read_published, write_published

    defaults = {"source": source, "table": place, "url": url, "suite": suite}
    records, refused = read_published(table, defaults)
    for each in refused:
        typer.secho(f"refused: {table}: row {each.row}: {each.reason}", fg="red", err=True)
    if not records or (refused and not keep_good):
        hint = "" if not records else "; correct them, or give --keep-good"
        typer.echo(f"nothing written: {len(refused)} of {len(records) + len(refused)} rows refused{hint}")
        raise typer.Exit(2)
    new = write_published(records, out)
    typer.echo(f"{new} records added to {out}, {len(records) - new} were there, {len(refused)} rows refused")


@app.command("append-only")
def append_only(
    folder: Annotated[Path, typer.Argument(help="Folder of records.")] = Path("registry/results"),
    against: Annotated[str | None, typer.Option(help="Branch or commit; the main branch by default.")] = None,
) -> None:
    """Check that no record was changed or removed since this branch left the main one."""
    found = changed_records(folder, against)
    for line in found:
        typer.secho(f"BAD  {line}", fg="red")
    if found:
        typer.echo(f"{len(found)} records changed or removed; add new ones instead, readers rely on the old")
        raise typer.Exit(1)
    typer.echo(f"{folder}: records were added only")
