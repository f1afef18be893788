"""Options that commands of several kinds share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Final

import typer

LETTERS_HELP: Final = "Nucleotide letters."
TOKENIZER_HELP: Final = "Name (kmer, kmer:k=3), folder, tokenizer file or hub id."

ExecutorName = Annotated[
    str, typer.Option("--executor", help="local, or ray: many machines, GPUs shared out.")
]
Address = Annotated[str | None, typer.Option(help="Of a running Ray cluster; else one is started here.")]

ModelArgument = Annotated[str, typer.Argument(help="Model folder, or owner/name on the hub.")]
Tokenizer = Annotated[str, typer.Option("--tokenizer", "-t", help=TOKENIZER_HELP)]
Letters = Annotated[str, typer.Option("--sequence", "-s", help=LETTERS_HELP)]
NpmiTable = Annotated[Path | None, typer.Option(help="Table made by 'dnamask npmi build'.")]

Fastas = Annotated[
    list[Path], typer.Option(help="FASTA, plain or gzip; may be given several times, or before more files.")
]
MoreFastas = Annotated[list[Path] | None, typer.Argument(help="More FASTA files.", show_default=False)]

AsJson = Annotated[bool, typer.Option("--json", help="Print the table as JSON.")]
PrintJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class TextOrJson(str, Enum):
    """How a command prints what it found."""

    text = "text"
    json = "json"


FormatJson = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
"""Where ``--format`` has more to choose from."""

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that is there.")]
