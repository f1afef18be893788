"""``dnamask finetune``: from a table of sequences and labels to a model, its scores and its floors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import typer

from dnamask_plugins.cli.options import evaluating as option
from dnamask_plugins.cli.options import own_data as own
from dnamask_plugins.cli.options.common import AsJson
from dnamask_plugins.errors import ConfigError, suggest

app = typer.Typer()


@app.command()
def finetune(
    data: own.Data,
    model: option.Model,
    output: own.Output,
    dev_file: own.DevFile = None,
    test_file: own.TestFile = None,
    sequence_column: own.SequenceColumns = "",
    label_column: own.LabelColumns = "",
    kind: own.Kind = None,
    classes: own.Classes = "",
    metric: own.Metric = None,
    dev: own.DevShare = 0.1,
    test: own.TestShare = 0.1,
    split_by: own.SplitBy = None,
    dev_values: own.DevValues = "",
    test_values: own.TestValues = "",
    similar: own.Similar = None,
    split_seed: own.SplitSeed = 0,
    other_letters_as_n: own.OtherLetters = False,
    seeds: own.Seeds = "0,1,2",
    recipe: own.RecipeName = "paper",
    lora: own.Lora = False,
    select_by: option.SelectBy = None,
    class_weights: own.ClassWeighting = None,
    max_length: option.MaxLength = None,
    set_: option.TrainingArguments = None,
    floors: own.Floors = "kmers,onehot",
    drop_leaks: option.DropLeaks = False,
    name: own.TaskName = None,
    dry_run: own.DryRun = False,
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
