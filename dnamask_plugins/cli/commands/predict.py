"""``dnamask predict``: what a fine-tuned model says of sequences."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dnamask_plugins.cli.options import inference as option
from dnamask_plugins.cli.options.common import ModelArgument, Overwrite
from dnamask_plugins.cli.progress import counting, tell_resumed

app = typer.Typer()


@app.command()
def predict(
    model: ModelArgument,
    sequences: option.Sequences,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="FILE.tsv or .parquet; TSV on standard output otherwise."),
    ] = None,
    both_strands: option.BothStrands = False,
    each_window: Annotated[
        bool, typer.Option("--each-window", help="A row for every window, not for every sequence.")
    ] = False,
    window: option.WindowLength = None,
    stride: option.Stride = None,
    sequence_column: option.SequenceColumn = None,
    name_column: option.NameColumn = None,
    label_column: option.LabelColumn = None,
    bf16: option.Bfloat16 = False,
    overwrite: Overwrite = False,
) -> None:
    """Predict labels, with the probability of each class, or numbers; a killed command goes on.

    MODEL is a fine-tuned one, such as OUT/model of 'dnamask finetune'. A sequence that is longer than a
    window gets the mean over its windows. A model of pairs reads a table with two columns of sequences.
    """
    from dnamask_plugins.inference.job import Reading
    from dnamask_plugins.inference.predict import predict_file
    from dnamask_plugins.inference.sequences import ColumnNames
    from dnamask_plugins.models.forward import reduced_precision

    reading = Reading(sequences, ColumnNames(sequence_column, name_column, label_column), window, stride)
    target = sys.stdout.buffer if output is None else output
    with reduced_precision(bf16), counting(reading.count, "predicting", "nucleotides") as advance:
        done = predict_file(model, reading, target, both_strands, each_window, overwrite, advance)
    tell_resumed(done.resumed_at, "windows", err=True)
    classes = ", ".join(f"{name} {count:,}" for name, count in list(done.counts.items())[:12])
    what = f": {classes}" if classes else ""
    typer.echo(f"{output or 'standard output'}: {done.rows:,} predictions{what}; {done.reading}", err=True)
    if done.cut:
        typer.echo(f"{done.cut:,} pairs are longer than the model reads, and were cut at the end", err=True)
    if done.too_short:
        typer.echo(f"{done.too_short:,} are empty: too short for the tokenizer", err=True)
