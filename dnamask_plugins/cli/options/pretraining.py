"""Options of the commands that pretrain, and that say what pretraining costs: pretrain, estimate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dnamask_plugins.cli.options.common import TOKENIZER_HELP

Config = Annotated[Path | None, typer.Option(help="TOML file with any of the settings; flags override it.")]
ConfigOfPretrain = Annotated[
    Path | None, typer.Option(help="TOML file of 'dnamask pretrain'; flags override it.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any setting, KEY=VALUE: curriculum.threshold=2, trainer.bf16=true..."),
]
AssignmentsOfPretrain = Annotated[
    list[str] | None, typer.Option("--set", help="Any setting of 'dnamask pretrain', KEY=VALUE.")
]

Backbone = Annotated[
    str | None,
    typer.Option(help="logo, dnabert, bert-tiny, dnabert2, ... (from scratch), or a folder or hub id."),
]
BackboneOrFolder = Annotated[str | None, typer.Option(help="logo, dnabert, dnabert2, ..., or a folder.")]
Tokenizer = Annotated[str | None, typer.Option(help=TOKENIZER_HELP)]
AnyTokenizer = Annotated[str | None, typer.Option(help="Name, file or folder of a tokenizer.")]
Init = Annotated[
    str | None, typer.Option(help="How embeddings begin: plain, or spelled (as sums of letters).")
]
Loss = Annotated[str | None, typer.Option(help="What is learned: token, nucleotide or both.")]
FreshHead = Annotated[
    bool, typer.Option("--fresh-head", help="Start the head of a folder at random, as one without needs.")
]
Lora = Annotated[int | None, typer.Option(help="Train LoRA adapters of this rank instead of all weights.")]
LoraRank = Annotated[int | None, typer.Option(help="Rank of LoRA adapters.")]

Corpus = Annotated[Path | None, typer.Option(help="Folder made by 'dnamask corpus build'.")]
Curriculum = Annotated[str | None, typer.Option(help="Name of a curriculum: cm_gems, cm_step, constant...")]
Strategy = Annotated[str | None, typer.Option(help="Strategy of the curricula that have just one.")]
MaskRate = Annotated[float | None, typer.Option(help="Target fraction to mask, in (0, 1].")]
FractionToMask = Annotated[float | None, typer.Option(help="Fraction to mask, in (0, 1].")]

MaxSteps = Annotated[int | None, typer.Option(help="Optimizer steps.")]
EvalSteps = Annotated[int | None, typer.Option(help="Steps between evaluations, and between saves.")]
WindowsPerProcess = Annotated[int | None, typer.Option(help="Windows per process and micro-batch.")]
WindowsPerDevice = Annotated[int | None, typer.Option(help="Windows per device and micro-batch.")]
Accumulation = Annotated[int | None, typer.Option(help="Micro-batches per optimizer step.")]
LearningRate = Annotated[float | None, typer.Option(help="Peak learning rate.")]
Workers = Annotated[int | None, typer.Option(help="Loader processes.")]
Seed = Annotated[int | None, typer.Option(help="Seed of weights, windows and masks.")]

Output = Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the model.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the newest whole checkpoint.")]
ResumeAnyway = Annotated[
    bool,
    typer.Option("--resume-anyway", help="Go on although the run was made otherwise; the record says so."),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Begin anew in a folder with a run, or write beside other files."),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]

GpuName = Annotated[str, typer.Option(help="2080ti, t4, v100, 3090, 4090, l4, l40s, a100, h100, h200.")]
GpuCount = Annotated[int, typer.Option(min=1, help="How many of them.")]
Utilisation = Annotated[
    float,
    typer.Option(min=0.001, max=1.0, help="Share of the peak that is reached; small models reach less."),
]
Measure = Annotated[
    bool, typer.Option("--measure", help="Also time a few real micro-batches on this machine.")
]
