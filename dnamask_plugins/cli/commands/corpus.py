"""``dnamask corpus``: make a corpus store from FASTA, and look into one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dnamask_plugins.cli.options.common import Fastas, MoreFastas
from dnamask_plugins.cli.progress import reading

if TYPE_CHECKING:
    from dnamask_plugins.corpus.store import CorpusStore

app = typer.Typer(no_args_is_help=True, help="Corpora: genomes in half a byte a nucleotide, split by region.")


@app.command()
def build(
    fasta: Fastas,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    more: MoreFastas = None,
    exclude_soft_masked: Annotated[
        bool,
        typer.Option("--exclude-soft-masked", help="Leave lower-case repeats out."),
    ] = False,
    validation_fraction: Annotated[float, typer.Option(help="Share of the nucleotides held out.")] = 0.05,
    border_share: Annotated[
        float, typer.Option(help="Most of the window places that the borders of held-out regions may cost.")
    ] = 0.01,
    window: Annotated[int, typer.Option(help="Window length for which borders are counted.")] = 510,
    split_seed: Annotated[int, typer.Option(help="Moves the held-out regions.")] = 0,
    shortest_region: Annotated[
        int, typer.Option(help="Shorter stretches of A, C, G, T are left out; 64 or more.")
    ] = 64,
    unknown_as_n: Annotated[bool, typer.Option("--unknown-as-n", help="Read X and ? as N.")] = False,
    drop_gaps: Annotated[
        bool, typer.Option("--drop-gaps", help="Leave - and . of an alignment out.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another corpus there.")] = False,
) -> None:
    """Make a corpus. Doing it again with the same files and options does nothing."""
    from dnamask_plugins.corpus.build import BuildOptions, build_corpus
    from dnamask_plugins.corpus.fasta import Letters
    from dnamask_plugins.corpus.split import SplitOptions

    files = [*fasta, *(more or [])]
    split = SplitOptions(validation_fraction, border_share, window, split_seed)
    letters = Letters(unknown_as_n, drop_gaps)
    options = BuildOptions(exclude_soft_masked, shortest_region, split, letters)
    with reading(files, "reading") as progress:
        store = build_corpus(files, output, options, overwrite=overwrite, progress=progress)
    _report(store)


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that 'corpus build' made.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole index as JSON.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read everything and check its fingerprint.")
    ] = False,
) -> None:
    """Say what a corpus holds and where it comes from."""
    from dnamask_plugins.corpus.store import CorpusStore

    store = CorpusStore.open(folder)
    if verify:
        store.verify()
    if as_json:
        typer.echo(json.dumps(store.index, indent=1))
        return
    _report(store)
    for source in store.index["sources"]:
        typer.echo(f"  {source['file']}: {source['nucleotides']:,} nt, sha256 {source['sha256'][:16]}")


def _report(store: CorpusStore) -> None:
    split = store.index["split"]
    typer.echo(
        f"{store.folder}: {len(store):,} nt A, C, G, T ({store.index['soft_masked']:,} soft-masked) in "
        f"{store.index['regions']:,} regions; train {split['train_nucleotides']:,}, validation "
        f"{split['validation_nucleotides']:,}, {split['lost_at_borders']:.2%} of places lost to borders"
    )
