"""``dnamask search``: what the registry knows, installed or not, without a network."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from dnamask_plugins import plugins, registry_index, terminal
from dnamask_plugins.cli.options.common import PrintJson

app = typer.Typer()


@app.command()
def search(
    words: Annotated[
        list[str] | None, typer.Argument(help="All of these must occur in an entry.", show_default=False)
    ] = None,
    as_json: PrintJson = False,
) -> None:
    """Search the registry that ships with the package: names, summaries, references."""
    found = registry_index.search(*(words or ()))
    if as_json:
        typer.echo(json.dumps([dict(entry) for entry in found], indent=1, ensure_ascii=False))
        return
    if not found:
        typer.echo("nothing in the registry matches; 'dnamask list' shows what is installed", err=True)
        raise typer.Exit(1)
    from rich.table import Table

    table = Table("kind", "name", "summary", "status", "get it")
    for entry in found:
        installed = entry["id"] in plugins.discover(entry["kind"])
        get = "installed" if installed else f"pip install {entry['distribution']}"
        name = plugins.SINGULAR[entry["kind"]]
        table.add_row(name, entry["id"], entry["summary"], entry["status"], get)
    terminal.console(file=sys.stdout).print(table)
