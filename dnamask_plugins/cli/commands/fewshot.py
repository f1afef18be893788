"""``dnamask fewshot``: the few-shot tasks of GeneMask and CM-GEMS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dnamask_plugins.cli.options import evaluating as option
from dnamask_plugins.cli.options.common import Address, AsJson, ExecutorName
from dnamask_plugins.suite_names import OF_FEWSHOT

app = typer.Typer(no_args_is_help=True, help="Audit and run the few-shot tasks of GeneMask and CM-GEMS.")

Folder = Annotated[Path, typer.Option("--fewshot-dir", help="Folder that holds Prom-core, Cohn-enh, ...")]
Tasks = Annotated[
    str, typer.Option(help="all, data sets (Prom-core), names (Silencer/10), or a TOML file; by comma.")
]


@app.command()
def run(
    model: option.Model,
    fewshot_dir: Folder,
    out: option.OutcomesFolder,
    tasks: Tasks = "all",
    seeds: Annotated[str, typer.Option(help="Draws, by comma; the papers have ten.")] = "0,1,2,3,4,5,6,7,8,9",
    recipe: Annotated[str, typer.Option(help="paper, or a TOML file.")] = "paper",
    lora: option.Lora = False,
    probe: option.Probe = False,
    max_length: option.MaxLength = None,
    set_: option.TrainingArguments = None,
    drop_leaks: option.DropTrainLeaks = False,
    name: option.ModelName = None,
    executor: ExecutorName = "local",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Fine-tune or probe a model on draws of a few sequences per class; mean over the draws."""
    from dnamask_plugins.harness.suite_run import RunFlags, method_of, run_command

    flags = RunFlags(
        model=model,
        folder=fewshot_dir,
        out=out,
        tasks=tasks,
        suites=OF_FEWSHOT,
        seeds=seeds,
        method=method_of(lora, probe),
        recipe=recipe,
        max_length=max_length,
        settings=tuple(set_ or ()),
        drop_leaks=drop_leaks,
        name=name,
        executor=executor,
        address=address,
        as_json=as_json,
    )
    raise typer.Exit(run_command(flags))


@app.command()
def audit(
    fewshot_dir: Folder,
    tasks: Tasks = "all",
    json_out: option.FindingsFile = None,
) -> None:
    """Report rows, classes, lengths, duplicates and leaks across splits."""
    from dnamask_plugins.harness.suite_audit import audit_command

    audit_command(fewshot_dir, tasks, OF_FEWSHOT, (), json_out)
