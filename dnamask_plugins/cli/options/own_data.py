"""Options of ``dnamask finetune``: how a table of one's own is read, split, and learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path,
    typer.Argument(help="CSV, TSV, JSON lines or parquet; a folder of train, dev, test; a FASTA per class."),
]
DevFile = Annotated[Path | None, typer.Option(help="Rows of dev, where they are apart.")]
TestFile = Annotated[Path | None, typer.Option(help="Rows of test, where they are apart.")]
OtherLetters = Annotated[bool, typer.Option("--other-letters-as-n", help="Read X, gaps and the like as N.")]

SequenceColumns = Annotated[str, typer.Option(help="Found by its name otherwise; two by comma.")]
LabelColumns = Annotated[str, typer.Option(help="Several by comma make a multi-label task.")]
Kind = Annotated[
    str | None, typer.Option(help="classification, regression or multi_label; found out otherwise.")
]
Classes = Annotated[str, typer.Option(help="Names of the classes in their order, by comma.")]
Metric = Annotated[str | None, typer.Option(help="By which dev chooses; mcc, pearson or auroc.")]
TaskName = Annotated[str | None, typer.Option(help="Of the task; the file's otherwise.")]

DevShare = Annotated[float, typer.Option(help="Share of the rows for dev, where there is none.")]
TestShare = Annotated[float, typer.Option(help="Share of the rows for test, where there is none.")]
SplitBy = Annotated[
    str | None, typer.Option(help="Column (chromosome, gene): its values are never on two sides.")
]
DevValues = Annotated[str, typer.Option(help="Values of that column for dev, by comma.")]
TestValues = Annotated[str, typer.Option(help="Values of that column for test, by comma.")]
Similar = Annotated[
    float | None, typer.Option(help="Sequences that share this part of their 12-mers stay together.")
]
SplitSeed = Annotated[int, typer.Option(help="Draws the split.")]

Output = Annotated[Path, typer.Option("--output", "-o", help="New folder; run again to go on.")]
Seeds = Annotated[str, typer.Option(help="Of the trainings, by comma.")]
RecipeName = Annotated[str, typer.Option(help="paper (defaults for own data), a family, or a TOML file.")]
Lora = Annotated[bool, typer.Option("--lora", help="Train low-rank adapters only.")]
ClassWeighting = Annotated[str | None, typer.Option(help="balanced: a row counts by how rare its class is.")]
Floors = Annotated[str, typer.Option(help="Beside the model: kmers, onehot, cnn, untrained; none.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say how the data are read, and stop.")]
