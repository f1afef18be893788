"""Options of ``dnamask mask``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from dnamask_plugins.cli.options.common import LETTERS_HELP


class Format(str, Enum):
    """How the masked sequences are shown."""

    text = "text"
    json = "json"
    html = "html"
    png = "png"


class Per(str, Enum):
    """What the mask rate is a share of."""

    token = "token"
    nucleotide = "nucleotide"


class Draw(str, Enum):
    """How the budget is drawn."""

    exact = "exact"
    bernoulli = "bernoulli"


Strategy = Annotated[str, typer.Option("--strategy", help="Name, as 'dnamask list strategies' has it.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Parameter of the strategy, as temperature=0.5."),
]
MaskRate = Annotated[float, typer.Option(help="Share to mask, above 0 and at most 1.")]
ShareOf = Annotated[Per, typer.Option(help="Share of the tokens, or of the nucleotides.")]
HowDrawn = Annotated[Draw, typer.Option(help="Exact, or independent centres as in the papers.")]
RepeatWeight = Annotated[
    float, typer.Option(help="Weight of lower-case letters (repeats), 0 to 1; 0 = never drawn.")
]
Seed = Annotated[int, typer.Option(help="Seed of the run.")]
Step = Annotated[int, typer.Option(help="Optimizer step.")]

Sequence = Annotated[str | None, typer.Option("--sequence", "-s", help=LETTERS_HELP)]
Fasta = Annotated[Path | None, typer.Option(help="FASTA, plain or gzip.")]
Region = Annotated[
    str | None, typer.Option(metavar="START-STOP", help="Part of each sequence, from 0, half-open.")
]
Limit = Annotated[int, typer.Option(help="Sequences of the FASTA to take.")]

WhatToMake = Annotated[Format, typer.Option("--format", help="What to make.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write; png needs one.")]
Report = Annotated[
    bool,
    typer.Option("--report", help="Print the rate, its spread and the leaks over many masks instead."),
]
Repeats = Annotated[int, typer.Option(help="Masks of each sequence that --report sums up.")]
