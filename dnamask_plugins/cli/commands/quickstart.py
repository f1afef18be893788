"""``dnamask quickstart``: the machinery end to end, in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dnamask_plugins.cli.options.common import AsJson
from dnamask_plugins.quickstart.settings import Sizes

app = typer.Typer()


@app.command()
def quickstart(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for models, results and the report.")
    ] = Path("quickstart"),
    fasta: Annotated[
        Path | None, typer.Option(help="Pretrain on this genome instead of the bundled fly's.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps of each pretraining.")] = None,
    as_json: AsJson = False,
) -> None:
    """Pretrain a small model twice on a bundled genome, fine-tune both, and write a report.

    About three minutes on two cores, no network. A second call goes on where the first was stopped.
    """
    from dnamask_plugins.quickstart.run import quickstart as run

    run(
        output,
        fasta,
        Sizes() if steps is None else Sizes(steps=steps, eval_steps=max(steps // 6, 1)),
        as_json,
    )
