"""``dnamask perplexity``: a model's held-out perplexity under several masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dnamask_plugins.cli.options.common import PrintJson

app = typer.Typer()


@app.command()
def perplexity(
    model: Annotated[str, typer.Option(help="Model folder, or owner/name[@revision] on the hub.")],
    corpus: Annotated[Path, typer.Option(help="Corpus whose validation split is used.")],
    strategies: Annotated[
        str, typer.Option(help="Names by comma.")
    ] = "random_token,span,genemask,global_npmi",
    npmi: Annotated[Path | None, typer.Option(help="Table for the strategies that need one.")] = None,
    windows: Annotated[int, typer.Option(help="Number of windows.")] = 256,
    length: Annotated[int, typer.Option(help="Nucleotides in a window.")] = 510,
    mask_rate: Annotated[float, typer.Option(help="Target fraction to mask.")] = 0.15,
    as_json: PrintJson = False,
) -> None:
    """Measure held-out perplexity under each mask: a model is flattered by the mask it was trained on.

    Per token, and per nucleotide that the mask truly hides: only the second compares tokenizers (chance: 4).
    A dash is shown where nothing is hidden, or where the tokenizer does not say how its words are spelled.
    """
    from dnamask_plugins.pretrain.perplexity import perplexity_under
    from dnamask_plugins.types import check_mask_rate

    check_mask_rate(mask_rate)
    names = [name.strip().replace("-", "_") for name in strategies.split(",") if name.strip()]
    measured = perplexity_under(
        model, corpus, names, npmi, windows=windows, length=length, mask_rate=mask_rate
    )
    if as_json:
        typer.echo(json.dumps({name: each.perplexities() for name, each in measured.items()}))
        return
    typer.echo(f"{'mask':20} {'per token':>10} {'per nucleotide':>15}")
    for name, each in measured.items():
        figures = each.perplexities()
        nucleotide = figures.get("nucleotide_perplexity")
        typer.echo(
            f"{name:20} {figures['perplexity']:10.2f} "
            + (f"{'-':>15}" if nucleotide is None else f"{nucleotide:15.3f}")
        )
