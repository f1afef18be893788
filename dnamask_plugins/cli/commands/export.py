"""``dnamask export``: what the hub needs beside a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def export(
    model_dir: Annotated[Path, typer.Argument(help="Folder of a pretrained model.")],
    results: Annotated[
        list[Path] | None, typer.Option(help="Folder of result records; MODEL_DIR/results by default.")
    ] = None,
) -> None:
    """Write the hub's model card; its scores come from records measured with these very weights."""
    from dnamask_plugins.harness.model_source import ModelSource
    from dnamask_plugins.results.model_card import records_of, write_card

    source = ModelSource.find(str(model_dir))
    found = records_of(results or [model_dir / "results"], source.weights_sha256)
    typer.echo(f"{write_card(source.folder, found)}: {len(found)} scores")
