"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

ExecutorName = Annotated[
    str, typer.Option("--executor", help="local, or ray: many machines, GPUs shared out.")
]
Address = Annotated[str | None, typer.Option(help="Of a running Ray cluster; else one is started here.")]

Model = Annotated[
    str,
    typer.Option(
        help="Folder, or owner/name[@revision] on the hub; floors: baseline:kmers, baseline:onehot, "
        "baseline:cnn, untrained:FOLDER."
    ),
]
ModelArgument = Annotated[str, typer.Argument(help="Model folder, or owner/name on the hub.")]
Sequences = Annotated[
    str,
    typer.Argument(help="FASTA, or CSV/TSV with a column 'sequence'; plain or gzip; - is a pipe."),
]
WindowLength = Annotated[
    int | None,
    typer.Option(
        "--window", help="Nucleotides read at once; by default what the model was trained on or takes."
    ),
]
Stride = Annotated[
    int | None, typer.Option(help="Nucleotides from one window to the next, for longer sequences.")
]
SequenceColumn = Annotated[
    str | None, typer.Option(help="Column of a table that holds the sequences; two by comma for pairs.")
]
NameColumn = Annotated[str | None, typer.Option(help="Column that names them.")]
LabelColumn = Annotated[str | None, typer.Option(help="Column of their labels.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the table as JSON.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that is there.")]
