"""``dnamask finetune``: from a table of sequences and labels to a model, its scores and its floors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from dnamask_plugins.cli.options import AsJson, Model
from dnamask_plugins.errors import ConfigError, suggest

app = typer.Typer()


@app.command()
def finetune(
    data: Annotated[
        Path,
        typer.Argument(
            help="CSV, TSV, JSON lines or parquet; a folder of train, dev, test; a FASTA per class."
        ),
    ],
    model: Model,
    output: Annotated[Path, typer.Option("--output", "-o", help="New folder; run again to go on.")],
    dev_file: Annotated[Path | None, typer.Option(help="Rows of dev, where they are apart.")] = None,
    test_file: Annotated[Path | None, typer.Option(help="Rows of test, where they are apart.")] = None,
    sequence_column: Annotated[str, typer.Option(help="Found by its name otherwise; two by comma.")] = "",
    label_column: Annotated[str, typer.Option(help="Several by comma make a multi-label task.")] = "",
    kind: Annotated[
        str | None, typer.Option(help="classification, regression or multi_label; found out otherwise.")
    ] = None,
    classes: Annotated[str, typer.Option(help="Names of the classes in their order, by comma.")] = "",
    metric: Annotated[str | None, typer.Option(help="By which dev chooses; mcc, pearson or auroc.")] = None,
    dev: Annotated[float, typer.Option(help="Share of the rows for dev, where there is none.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the rows for test, where there is none.")] = 0.1,
    split_by: Annotated[
        str | None, typer.Option(help="Column (chromosome, gene): its values are never on two sides.")
    ] = None,
    dev_values: Annotated[str, typer.Option(help="Values of that column for dev, by comma.")] = "",
    test_values: Annotated[str, typer.Option(help="Values of that column for test, by comma.")] = "",
    similar: Annotated[
        float | None, typer.Option(help="Sequences that share this part of their 12-mers stay together.")
    ] = None,
    split_seed: Annotated[int, typer.Option(help="Draws the split.")] = 0,
    other_letters_as_n: Annotated[
        bool, typer.Option("--other-letters-as-n", help="Read X, gaps and the like as N.")
    ] = False,
    seeds: Annotated[str, typer.Option(help="Of the trainings, by comma.")] = "0,1,2",
    recipe: Annotated[
        str, typer.Option(help="paper (defaults for own data), a family, or a TOML file.")
    ] = "paper",
    lora: Annotated[bool, typer.Option("--lora", help="Train low-rank adapters only.")] = False,
    select_by: Annotated[str | None, typer.Option(help="Checkpoint to test: loss, metric or last.")] = None,
    class_weights: Annotated[
        str | None, typer.Option(help="balanced: a row counts by how rare its class is.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens; longer rows are cut and counted.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="field=value of TrainingArguments. Repeatable.")
    ] = None,
    floors: Annotated[
        str, typer.Option(help="Beside the model: kmers, onehot, cnn, untrained; none.")
    ] = "kmers,onehot",
    drop_leaks: Annotated[
        bool, typer.Option("--drop-leaks", help="Also score without test rows that are in train or dev.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Of the task; the file's otherwise.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how the data are read, and stop.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a model on sequences and labels of your own; what is finished is skipped."""
    from dnamask_plugins.harness.finetune_command import FinetuneFlags, finetune_command
    from dnamask_plugins.harness.tables import TableOptions
    from dnamask_plugins.tasks import KINDS
    from dnamask_plugins.tasks.recipes import ClassWeights

    given = {"dev": dev_file, "test": test_file}
    options = TableOptions(
        splits={split: path for split, path in given.items() if path is not None},
        sequence_columns=_words(sequence_column),
        label_columns=_words(label_column),
        kind=_one_of("--kind", kind, KINDS),
        class_names=_words(classes),
        metric=metric,
        dev=dev,
        test=test,
        split_by=split_by,
        dev_values=_words(dev_values),
        test_values=_words(test_values),
        similar=similar,
        split_seed=split_seed,
        other_letters_as_n=other_letters_as_n,
    )
    flags = FinetuneFlags(
        data=data,
        model=model,
        out=output,
        options=options,
        name=name,
        seeds=seeds,
        recipe=recipe,
        lora=lora,
        select_by=select_by,
        class_weights=_one_of("--class-weights", class_weights, get_args(ClassWeights)),
        max_length=max_length,
        overrides=tuple(set_ or ()),
        floors=floors,
        drop_leaks=drop_leaks,
        dry_run=dry_run,
        as_json=as_json,
    )
    raise typer.Exit(finetune_command(flags))


def _one_of(flag: str, word: str | None, words: Sequence[str]) -> Any:
    if word is not None and word not in words:
        raise ConfigError(f"{flag} {word}: {suggest(word, words)}")
    return word


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
