"""Options of the commands that fine-tune, probe and score: finetune, gue, fewshot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str,
    typer.Option(
        help="Folder, or owner/name[@revision] on the hub; floors: baseline:kmers, baseline:onehot, "
        "baseline:cnn, untrained:FOLDER."
    ),
]
ModelName = Annotated[str | None, typer.Option(help="Name of the model in the records.")]

Lora = Annotated[bool, typer.Option("--lora", help="Train low-rank adapters instead of all weights.")]
Probe = Annotated[bool, typer.Option("--probe", help="Logistic regression on frozen embeddings.")]
SelectBy = Annotated[str | None, typer.Option(help="Checkpoint to test: loss, metric or last.")]
MaxLength = Annotated[int | None, typer.Option(help="Tokens; longer rows are cut and counted.")]
TrainingArguments = Annotated[
    list[str] | None, typer.Option("--set", help="field=value of TrainingArguments. Repeatable.")
]

DropLeaks = Annotated[
    bool, typer.Option("--drop-leaks", help="Also score without test rows that are in train or dev.")
]
DropTrainLeaks = Annotated[
    bool, typer.Option("--drop-leaks", help="Also score without test rows that are in train.")
]
"""Where tasks have no dev."""

OutcomesFolder = Annotated[Path, typer.Option(help="Folder for outcomes and records; run again to go on.")]
FindingsFile = Annotated[Path | None, typer.Option("--json", help="Write all findings to this file.")]
