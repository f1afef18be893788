"""Every command with its arguments and options, as ``--help`` has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer


def write() -> str:
    """Return the page."""
    from dnamask_plugins.cli import app

    root = typer.main.get_command(app)
    lines = [
        "# Commands",
        "",
        "Made from the commands themselves. `dnamask COMMAND --help` prints the same on a terminal.",
        "",
    ]
    for path, command in _walk(root, ("dnamask",)):
        lines += _section(path, command)
    return "\n".join(lines)


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    context = typer.Context(command, info_name=path[-1])
    if len(path) > 1:
        yield path, command
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from _walk(found, (*path, name))


def _section(path: tuple[str, ...], command: Any) -> list[str]:
    context = typer.Context(command, info_name=" ".join(path))
    lines = [f"{'#' * min(len(path), 3)} `{' '.join(path)}`", ""]
    if command.help:
        lines += [_plain(command.help.split("\f")[0]), ""]
    if hasattr(command, "list_commands"):
        return lines
    usage = " ".join(command.collect_usage_pieces(context))
    lines += ["```text", f"{' '.join(path)} {usage}", "```", ""]
    rows = [
        _row(parameter, context) for parameter in command.params if not getattr(parameter, "hidden", False)
    ]
    rows = [row for row in rows if row is not None]
    if rows:
        lines += ["| option | meaning | default |", "|---|---|---|", *rows, ""]
    return lines


def _row(parameter: Any, context: typer.Context) -> str | None:
    if getattr(parameter, "param_type_name", "") == "option":
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    else:
        names = f"`{(parameter.metavar or parameter.name).upper()}`"
    default = parameter.default
    shown = "" if default is None or callable(default) or default in ((), "", False) else f"`{default}`"
    if parameter.required:
        shown = "required"
    return f"| {names} | {_plain(getattr(parameter, 'help', '') or '')} | {shown} |"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|").replace("<", "&lt;")
