"""Options of the commands that let a model read sequences: embed, predict, score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

SEQUENCES_HELP: Final = "FASTA, or CSV/TSV with a column 'sequence'; plain or gzip; - is a pipe."

Sequences = Annotated[str, typer.Argument(help=SEQUENCES_HELP)]
SequencesOrVariants = Annotated[str | None, typer.Argument(help=SEQUENCES_HELP)]
Variants = Annotated[Path | None, typer.Option(help="VCF, or a table with chrom, pos (from 1), ref, alt.")]
Reference = Annotated[Path | None, typer.Option(help="FASTA that the variants refer to.")]

SequenceColumn = Annotated[
    str | None, typer.Option(help="Column of a table that holds the sequences; two by comma for pairs.")
]
NameColumn = Annotated[str | None, typer.Option(help="Column that names them.")]
LabelColumn = Annotated[str | None, typer.Option(help="Column of their labels.")]

WindowLength = Annotated[
    int | None,
    typer.Option(
        "--window", help="Nucleotides read at once; by default what the model was trained on or takes."
    ),
]
Stride = Annotated[
    int | None, typer.Option(help="Nucleotides from one window to the next, for longer sequences.")
]
BothStrands = Annotated[
    bool, typer.Option("--both-strands", help="Average over both strands; twice the work.")
]
Spacing = Annotated[
    int | None,
    typer.Option(
        help="Hide every SPACING-th nucleotide together: faster, less context. For variants: indels."
    ),
]

Bfloat16 = Annotated[
    bool, typer.Option("--bf16", help="Compute in bfloat16: faster on a GPU, two to three digits.")
]

ScoreFile = Annotated[Path, typer.Option("--output", "-o", help="FILE.tsv or .parquet.", show_default=False)]
Picture = Annotated[Path | None, typer.Option(help="PNG of all changes to the first sequence.")]
Region = Annotated[str | None, typer.Option(metavar="START-STOP", help="Part to draw, from 0, half-open.")]
