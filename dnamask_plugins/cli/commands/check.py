"""``dnamask check NAME``: the conformance kit without pytest."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dnamask_plugins import plugins, terminal
from dnamask_plugins.cli.options.common import PrintJson
from dnamask_plugins.config import parse_assignments
from dnamask_plugins.errors import PluginError, suggest

if TYPE_CHECKING:
    from dnamask_plugins.testing import Outcome

app = typer.Typer()

_COLOURS = {"passed": "green", "expected": "yellow", "not run": "dim"}


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of an installed plugin.")],
    kind: Annotated[
        str,
        typer.Option(
            help="strategy, curriculum, tokenizer, backbone or task, where a name is several.",
            show_default=False,
        ),
    ] = "",
    parameter: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the plugin; may be repeated."),
    ] = None,
    vouch: Annotated[
        bool, typer.Option("--vouch", help="For maintainers: end with [verification] for the registry entry.")
    ] = False,
    as_json: PrintJson = False,
) -> None:
    """Check that a plugin keeps what its kind promises; exit code 1 when it does not."""
    # That unregistered code is run is what this command is for.
    warnings.filterwarnings("ignore", message="running code of", category=plugins.PluginWarning)
    plugin = plugins.info(_kind(plugins.normalize(name), kind), name)
    settings = {"name": plugin.name, **parse_assignments(parameter or ())}
    built, outcomes = _examined(plugin.kind, settings)
    bad = [each for each in outcomes if each.status in ("failed", "unexpectedly passed")]
    if as_json:
        _print_json(built, settings, outcomes)
    else:
        _print_report(plugin, built, outcomes, bad)
        if vouch and not bad:
            from dnamask_plugins.testing.report import verification

            typer.echo(verification(plugin, outcomes), nl=False)
    if bad:
        raise typer.Exit(1)


def _examined(kind: str, settings: dict[str, Any]) -> tuple[Any, list[Outcome]]:
    """Build a plugin, and hold every check of its kind against it."""
    from dnamask_plugins.testing import Examination
    from dnamask_plugins.testing.samples import build

    built = build(kind, settings)
    examination = Examination(built)
    with _hypothesis_elsewhere():
        return built, [examination.outcome(each) for each in _with_progress(list(examination.checks))]


@contextlib.contextmanager
def _hypothesis_elsewhere() -> Iterator[None]:
    """Keep hypothesis from leaving a folder in the user's working directory."""
    name = "HYPOTHESIS_STORAGE_DIRECTORY"
    if name in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory() as scratch:
        os.environ[name] = scratch
        try:
            yield
        finally:
            del os.environ[name]


def _kind(name: str, wanted: str) -> str:
    checkable = plugins.KINDS
    if wanted:
        return plugins.kind_of(wanted)
    kinds = [kind for kind in checkable if name in plugins.discover(kind)]
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        singular = " or ".join(f"--kind {plugins.SINGULAR[kind]}" for kind in kinds)
        raise PluginError(f"'{name}' is the name of more than one plugin; add {singular}")
    names = [each for kind in checkable for each in plugins.discover(kind)]
    raise PluginError(f"no plugin is called '{name}'; {suggest(name, names)}")


def _with_progress(names: list[str]) -> Any:
    from rich.progress import track

    return track(
        names,
        "checking",
        console=terminal.console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _print_json(built: Any, settings: dict[str, Any], outcomes: list[Outcome]) -> None:
    rows = [{"check": o.check.name, "status": o.status, "detail": o.detail} for o in outcomes]
    # Backbones and suites of tasks have no configuration of their own.
    told = built.to_config() if hasattr(built, "to_config") else settings
    typer.echo(json.dumps({"plugin": dict(told), "checks": rows}, indent=1))


def _print_report(
    plugin: plugins.PluginInfo, built: Any, outcomes: list[Outcome], bad: list[Outcome]
) -> None:
    from rich.table import Table
    from rich.text import Text

    from dnamask_plugins.testing.report import measured, registry_entry

    console = terminal.console(file=sys.stdout)
    table = Table("promise", "", title=f"{plugin.title} of {plugin.origin}", title_justify="left")
    for each in outcomes:
        colour = _COLOURS.get(each.status, "bold red")
        table.add_row(each.check.promise, Text(each.status, style=colour))
    console.print(table)
    for each in outcomes:
        if each.status in ("expected", "not run"):
            console.print(f"{each.status}: {each.check.name}: {each.detail}", soft_wrap=True)
    for each in bad:
        console.print(f"\n{each.check.name}", style="bold red")
        console.print(each.detail or "this was expected to fail and did not: take it out", soft_wrap=True)
    if bad:
        console.print(f"\n{len(bad)} of {len(outcomes)} promises are not kept")
        return
    for what, figure in measured(built).items():
        console.print(f"{what}: {figure}")
    path, text = registry_entry(plugin, plugins.load(plugin.kind, plugin.name))
    console.print(f"\nTo list it for others, add this as {path}:\n")
    console.print(text, soft_wrap=True)
