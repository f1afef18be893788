"""``dnamask gue``: fetch, audit and run the Genome Understanding Evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dnamask_plugins.cli.options import evaluating as option
from dnamask_plugins.cli.options.common import Address, AsJson, ExecutorName
from dnamask_plugins.results.methods import STANDARD
from dnamask_plugins.suite_names import OF_GUE

app = typer.Typer(
    no_args_is_help=True, help="Fetch, audit and run the Genome Understanding Evaluation (GUE)."
)

Folder = Annotated[
    Path, typer.Option("--gue-dir", help="Folder that holds EMP, mouse, prom, splice, tf, virus.")
]
Tasks = Annotated[
    str, typer.Option(help="all, groups (prom), names (EMP/H3), gue_plus, or a TOML file; by comma.")
]
Corpus = Annotated[
    list[Path] | None,
    typer.Option(help="FASTA of a pretraining corpus: which sequences occur in it? Repeatable."),
]


@app.command()
def run(
    model: option.Model,
    gue_dir: Folder,
    out: option.OutcomesFolder,
    tasks: Tasks = "all",
    seeds: Annotated[str, typer.Option(help="By comma; default 0,1,2, or 0 where nothing varies.")] = "",
    recipe: Annotated[str, typer.Option(help="paper, dnabert1, dnabert2, nt, or a TOML file.")] = "paper",
    lora: option.Lora = False,
    probe: option.Probe = False,
    select_by: option.SelectBy = None,
    max_length: option.MaxLength = None,
    set_: option.TrainingArguments = None,
    train_limit: Annotated[int | None, typer.Option(help="Train on so many rows only; recorded.")] = None,
    allow_dev_as_train: Annotated[
        bool, typer.Option("--allow-dev-as-train", help="Train on dev where train is missing; recorded.")
    ] = False,
    drop_leaks: option.DropLeaks = False,
    corpus: Corpus = None,
    name: option.ModelName = None,
    track: Annotated[str, typer.Option(help="standard, or gue_pretrained.")] = STANDARD,
    executor: ExecutorName = "local",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Fine-tune or probe a model on GUE; what is finished is skipped, so a killed run goes on."""
    from dnamask_plugins.harness.suite_run import RunFlags, default_seeds, method_of, run_command

    method = method_of(lora, probe)
    flags = RunFlags(
        model=model,
        folder=gue_dir,
        out=out,
        tasks=tasks,
        suites=OF_GUE,
        seeds=seeds or default_seeds(model, method),
        method=method,
        recipe=recipe,
        select_by=select_by,
        max_length=max_length,
        settings=tuple(set_ or ()),
        train_limit=train_limit,
        dev_as_train=allow_dev_as_train,
        drop_leaks=drop_leaks,
        corpus=tuple(corpus or ()),
        name=name,
        track=track,
        executor=executor,
        address=address,
        as_json=as_json,
    )
    raise typer.Exit(run_command(flags))


@app.command()
def audit(
    gue_dir: Folder,
    tasks: Tasks = "all",
    corpus: Corpus = None,
    json_out: option.FindingsFile = None,
) -> None:
    """Report rows, classes, lengths, duplicates, leaks across splits, and what a corpus holds of it."""
    from dnamask_plugins.harness.suite_audit import audit_command

    audit_command(gue_dir, tasks, OF_GUE, tuple(corpus or ()), json_out)


@app.command()
def download(
    gue_dir: Folder,
    tasks: Tasks = "all",
    dataset: Annotated[
        str | None, typer.Option(help="Another data set on the hub, or a local folder.")
    ] = None,
) -> None:
    """Fetch data sets from the Hugging Face hub into the published layout; what is there is kept."""
    from dnamask_plugins.harness.suite_download import download_command

    raise typer.Exit(download_command(gue_dir, tasks, OF_GUE, dataset))
