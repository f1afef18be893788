"""``dnamask leaderboard build``: records in, a static page out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dnamask_plugins import terminal

app = typer.Typer(help="Make the leaderboard page.", no_args_is_help=True)


@app.callback()
def _leaderboard() -> None:
    """Make the leaderboard page."""


@app.command()
def build(
    paths: Annotated[list[Path], typer.Argument(help="Folders of result records, such as registry/results.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="Folder for the page.")],
) -> None:
    """Write OUT/index.html, which opens from a file and needs no server and no network."""
    from rich.progress import track

    from dnamask_plugins.results.leaderboard import build as build_page

    screen = terminal.console(stderr=True)
    built = build_page(
        paths,
        out,
        lambda files: track(files, "records", console=screen, transient=True, disable=not screen.is_terminal),
    )
    board = built.leaderboard
    typer.echo(f"{built.page}: {board.measured} measured and {board.published} published records")
    if board.repeats:
        typer.echo(f"shown once: {board.repeats} published figures that repeat another paper's")
    if not built.chart:
        typer.echo("without its chart: pip install 'dnamask-plugins[leaderboard]' brings it")
    for verdict in built.bad:
        typer.secho(f"BAD  {verdict.path}: {verdict.problems[0]}", fg="red", err=True)
    if built.bad:
        typer.echo(f"marked on the page: {len(built.bad)} wrong records; see `dnamask results verify`")
    if board.left_out:
        typer.echo(f"left out: {board.left_out} records that were trained on the development split")
