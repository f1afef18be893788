"""``dnamask new``: a complete package for a plugin of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dnamask_plugins.scaffold import write_package

app = typer.Typer()


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="strategy, curriculum, tokenizer, backbone or task.")],
    name: Annotated[str, typer.Argument(help="Its name, with a vendor prefix: acme.motif_span.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder in which the package goes.")
    ] = Path(),
) -> None:
    """Write a package with a working plugin: entry point, example, test, README and CI."""
    folder = write_package(kind, name, output)
    typer.echo(f"{folder}: written. Next:")
    typer.echo(f"  pip install -e {folder}\n  dnamask check {name}")
