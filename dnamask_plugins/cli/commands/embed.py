"""``dnamask embed``: sequences as vectors."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from dnamask_plugins.cli.options import inference as option
from dnamask_plugins.cli.options.common import ModelArgument, Overwrite
from dnamask_plugins.cli.progress import counting, tell_resumed
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.files import write_atomically

app = typer.Typer()


class Pool(str, Enum):
    """What becomes a vector."""

    mean = "mean"
    cls = "cls"
    tokens = "tokens"


class Map(str, Enum):
    """How a map is made."""

    pca = "pca"
    umap = "umap"


@app.command()
def embed(
    model: ModelArgument,
    sequences: option.Sequences,
    output: Annotated[Path, typer.Option("--output", "-o", help="FILE.npz, .parquet or .zarr.")],
    pool: Annotated[Pool, typer.Option(help="Mean over tokens, first token, or every token.")] = Pool.mean,
    layer: Annotated[int, typer.Option(help="0: the embeddings; -1: the last layer.")] = -1,
    picture: Annotated[
        Path | None, typer.Option(help="PNG with a map of the sequences, coloured by label.")
    ] = None,
    kind: Annotated[Map, typer.Option("--map", help="How the map is made; umap is an extra.")] = Map.pca,
    window: option.WindowLength = None,
    stride: option.Stride = None,
    sequence_column: option.SequenceColumn = None,
    name_column: option.NameColumn = None,
    label_column: option.LabelColumn = None,
    bf16: option.Bfloat16 = False,
    overwrite: Overwrite = False,
) -> None:
    """Turn sequences into vectors (npz, parquet or zarr), and draw them as a map."""
    from dnamask_plugins.inference.embed import embed_file
    from dnamask_plugins.inference.job import Reading
    from dnamask_plugins.inference.sequences import ColumnNames
    from dnamask_plugins.models.forward import reduced_precision

    if picture is not None and pool is Pool.tokens:
        raise ConfigError("--picture draws a point a sequence; give --pool mean or cls")
    reading = Reading(sequences, ColumnNames(sequence_column, name_column, label_column), window, stride)
    with reduced_precision(bf16), counting(reading.count, "embedding", "nucleotides") as advance:
        done = embed_file(model, reading, output, pool.value, layer, overwrite, advance)
    tell_resumed(done.resumed_at, "windows")
    typer.echo(f"{output}: {done.rows:,} vectors of {done.width} numbers ({pool.value}, layer {layer})")
    typer.echo(f"{done.reading}")
    if done.too_short:
        typer.echo(f"{done.too_short:,} sequences are too short for the tokenizer and have no vector")
    if picture is not None:
        from dnamask_plugins.inference.map import draw_map, read_embeddings

        vectors, labels = read_embeddings(output)
        write_atomically(picture, draw_map(vectors, labels, f"{Path(model).name}: {output.stem}", kind.value))
        typer.echo(f"{picture}: map of the vectors ({kind.value})")
