"""``dnamask list``: what is installed, without importing any of it."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from dnamask_plugins import plugins, terminal
from dnamask_plugins.cli.options.common import PrintJson

app = typer.Typer()


@app.command()
def list_plugins(
    kind: Annotated[str, typer.Argument(help="Only this kind, such as strategies.", show_default=False)] = "",
    as_json: PrintJson = False,
) -> None:
    """Show every installed plugin: kind, name, distribution, version, and what the registry says of it."""
    kinds = (plugins.kind_of(kind),) if kind else plugins.KINDS
    found = {each: [p for providers in plugins.discover(each).values() for p in providers] for each in kinds}
    if as_json:
        rows = [_fields(plugin) for each in kinds for plugin in found[each]]
        typer.echo(json.dumps(rows, indent=1))
    else:
        _print_tables(found)
    for problem in plugins.problems():
        typer.secho(f"warning: {problem}", fg="yellow", err=True)


def _fields(plugin: plugins.PluginInfo) -> dict[str, str]:
    return {
        "kind": plugin.kind,
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "status": plugin.status,
    }


def _print_tables(found: dict[str, list[plugins.PluginInfo]]) -> None:
    from rich.table import Table

    console = terminal.console(file=sys.stdout)
    for kind, installed in found.items():
        table = Table("name", "distribution", "version", "status", title=kind, title_justify="left")
        names = [plugin.name for plugin in installed]
        for plugin in installed:
            status = "provided twice" if names.count(plugin.name) > 1 else plugin.status
            table.add_row(plugin.name, plugin.distribution, plugin.version, status)
        console.print(table)
        if kind == "backbones":
            console.print(
                "'dnamask info NAME' says how a family is recognised; 'dnamask info FOLDER', what it is"
            )
