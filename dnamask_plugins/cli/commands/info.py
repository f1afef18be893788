"""``dnamask info NAME``: parameters, defaults, origin and reference of one plugin."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dnamask_plugins import plugins, registry_index, terminal
from dnamask_plugins.cli.options.common import PrintJson
from dnamask_plugins.errors import PluginError, suggest
from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.plugins.description import parameters_of, summary_of

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer()


@app.command()
def info(
    name: Annotated[
        str, typer.Argument(help="Name of a plugin, as 'dnamask list' has it, or a model folder or hub id.")
    ],
    kind: Annotated[str, typer.Option(help="Only this kind, such as strategy.", show_default=False)] = "",
    as_json: PrintJson = False,
) -> None:
    """Describe a plugin: what it does, its parameters and defaults, whose it is, and its source.

    Of a model folder, or a repository on the hub, it says what is recognised: the family, the tokenizer, and
    whether it can be pretrained, without loading the weights.
    """
    if not kind and _is_model(name):
        _describe_model(name, as_json)
        return
    name = plugins.normalize(name)
    kinds = [plugins.kind_of(kind)] if kind else _kinds_that_know(name)
    if as_json:
        typer.echo(json.dumps([_fields(each, name) for each in kinds], indent=1))
        return
    console = terminal.console(file=sys.stdout)
    for each in kinds:
        if name in plugins.discover(each):
            _describe_installed(console, plugins.info(each, name))
        else:
            _describe_entry(console, each, name)


def _fields(kind: str, name: str) -> dict[str, Any]:
    """Return what the tables say, as plain JSON."""
    entry = registry_index.find(kind, name) or {}
    registered = {
        field: entry.get(field, "") for field in ("summary", "reference", "licence", "distribution")
    }
    if name not in plugins.discover(kind):
        return {"kind": kind, "name": name, "installed": False, **registered}
    plugin = plugins.info(kind, name)
    loaded = plugins.load(kind, name)
    return {
        "kind": kind,
        "name": name,
        "installed": True,
        **registered,
        "summary": summary_of(loaded) or registered["summary"],
        "distribution": plugin.distribution,
        "version": plugin.version,
        "entry_point": plugin.value,
        "status": plugin.status,
        "parameters": [dataclasses.asdict(each) for each in parameters_of(loaded)],
        **({"recognised": loaded.facts()} if isinstance(loaded, Backbone) else {}),
    }


def _is_model(name: str) -> bool:
    known = any(plugins.normalize(name) in plugins.discover(kind) for kind in plugins.KINDS)
    return "/" in name or (Path(name).is_dir() and not known)


def _describe_model(name: str, as_json: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from dnamask_plugins.models.summary import facts_of

    found = facts_of(name)
    if as_json:
        typer.echo(json.dumps({"kind": "models", "name": name, **found}, indent=1))
        return
    facts = Table.grid(padding=(0, 2))
    for label, fact in found.items():
        if fact:
            facts.add_row(label, fact)
    console = terminal.console(file=sys.stdout)
    console.print(Text.assemble((name, "bold"), "  (model)"))
    console.print(facts)


def _kinds_that_know(name: str) -> list[str]:
    known = [kind for kind in plugins.KINDS if name in plugins.discover(kind)]
    known = known or [kind for kind in plugins.KINDS if registry_index.find(kind, name)]
    if not known:
        everything = {each for kind in plugins.KINDS for each in plugins.discover(kind)}
        raise PluginError(
            f"no plugin is called '{name}'; {suggest(name, everything)} ('dnamask search' looks further)"
        )
    return known


def _describe_installed(console: Console, plugin: plugins.PluginInfo) -> None:
    from rich.table import Table
    from rich.text import Text

    entry = registry_index.find(plugin.kind, plugin.name) or {}
    loaded = plugins.load(plugin.kind, plugin.name)
    console.print(Text.assemble((plugin.name, "bold"), f"  ({plugins.SINGULAR[plugin.kind]})"))
    console.print(summary_of(loaded) or str(entry.get("summary", "")))
    facts = Table.grid(padding=(0, 2))
    facts.add_row("from", f"{plugin.origin}, {plugin.value}")
    if isinstance(loaded, Backbone):
        for name, fact in loaded.facts().items():
            facts.add_row(name, fact)
    _add_entry_facts(facts, plugin.status, entry)
    console.print(facts)
    parameters = parameters_of(loaded)
    if parameters:
        table = Table("parameter", "type", "default", "meaning", title_justify="left")
        for each in parameters:
            table.add_row(each.name, each.type, each.default, each.meaning)
        console.print(table)
    console.print()


def _describe_entry(console: Console, kind: str, name: str) -> None:
    from rich.table import Table
    from rich.text import Text

    entry = registry_index.find(kind, name)
    if entry is None:
        plugins.info(kind, name)  # raises the error that says what to do
        return
    console.print(Text.assemble((name, "bold"), f"  ({plugins.SINGULAR[kind]}, not installed)"))
    console.print(entry["summary"])
    facts = Table.grid(padding=(0, 2))
    facts.add_row("get it", f"pip install {entry['distribution']}")
    _add_entry_facts(facts, entry["status"], entry)
    console.print(facts)


def _add_entry_facts(facts: Any, status: str, entry: registry_index.Entry) -> None:

    facts.add_row("status", status)
    for field in ("reference", "licence"):
        if entry.get(field):
            facts.add_row(field, str(entry[field]))
