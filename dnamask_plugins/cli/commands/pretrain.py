"""``dnamask pretrain``: from a corpus to a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dnamask_plugins.processes import is_first

app = typer.Typer()


@app.command()
def pretrain(
    config: Annotated[
        Path | None, typer.Option(help="TOML file with any of the settings; flags override it.")
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(help="logo, dnabert, bert-tiny, dnabert2, ... (from scratch), or a folder or hub id."),
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="Name (kmer, kmer:k=3), folder, tokenizer file or hub id.")
    ] = None,
    corpus: Annotated[Path | None, typer.Option(help="Folder made by 'dnamask corpus build'.")] = None,
    npmi: Annotated[Path | None, typer.Option(help="Table made by 'dnamask npmi build'.")] = None,
    curriculum: Annotated[
        str | None, typer.Option(help="Name of a curriculum: cm_gems, cm_step, constant...")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Strategy of the curricula that have just one.")
    ] = None,
    mask_rate: Annotated[float | None, typer.Option(help="Target fraction to mask, in (0, 1].")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the model.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Optimizer steps.")] = None,
    eval_steps: Annotated[
        int | None, typer.Option(help="Steps between evaluations, and between saves.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Windows per process and micro-batch.")] = None,
    accumulation: Annotated[int | None, typer.Option(help="Micro-batches per optimizer step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    workers: Annotated[int | None, typer.Option(help="Loader processes.")] = None,
    init: Annotated[
        str | None, typer.Option(help="How embeddings begin: plain, or spelled (as sums of letters).")
    ] = None,
    loss: Annotated[str | None, typer.Option(help="What is learned: token, nucleotide or both.")] = None,
    fresh_head: Annotated[
        bool, typer.Option("--fresh-head", help="Start the head of a folder at random, as one without needs.")
    ] = False,
    lora: Annotated[
        int | None, typer.Option(help="Train LoRA adapters of this rank instead of all weights.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights, windows and masks.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting, KEY=VALUE: curriculum.threshold=2, trainer.bf16=true..."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest whole checkpoint.")] = False,
    resume_anyway: Annotated[
        bool,
        typer.Option(
            "--resume-anyway", help="Go on although the run was made otherwise; the record says so."
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Begin anew in a folder with a run, or write beside other files."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Pretrain a masked language model on DNA under a masking curriculum.

    The defaults are the recipe of GeneMask and CM-GEMS: 10,000 steps of 250 windows. The output folder
    loads with plain AutoModelForMaskedLM and AutoTokenizer. SIGTERM or Ctrl-C saves and exits with code 75;
    the same command with --resume goes on from there.
    """
    from dnamask_plugins.config import parse_assignment
    from dnamask_plugins.pretrain.settings import PretrainSettings, merge, read_toml
    from dnamask_plugins.tokenizers.loading import tokenizer_config

    values = read_toml(config) if config else {}
    trainer = {
        "max_steps": max_steps,
        "eval_steps": eval_steps,
        "save_steps": eval_steps,
        "per_device_train_batch_size": batch_size,
        "gradient_accumulation_steps": accumulation,
        "learning_rate": learning_rate,
        "dataloader_num_workers": workers,
    }
    flags: dict[str, Any] = {
        "backbone": backbone,
        "corpus": str(corpus) if corpus else None,
        "npmi": str(npmi) if npmi else None,
        "output": str(output) if output else None,
        "init": init,
        "loss": loss,
        "seed": seed,
        "tokenizer": tokenizer_config(tokenizer) if tokenizer else None,
        "curriculum": _present({"name": curriculum, "strategy": strategy, "mask_rate": mask_rate}) or None,
        "fresh_head": fresh_head or None,
        "lora": {"rank": lora} if lora else None,
        "trainer": _present(trainer) or None,
    }
    values = merge(values, _present(flags))
    for assignment in assignments or []:
        values = merge(values, parse_assignment(assignment))
    if "curriculum" in values and isinstance(values["curriculum"], dict):
        values["curriculum"].setdefault("name", "constant" if strategy else "cm_gems")
    settings = PretrainSettings.from_mapping(values, where=str(config) if config else "command line")

    from dnamask_plugins.pretrain.run import pretrain as run

    result = run(settings, resume, quiet, resume_anyway, overwrite)
    if not is_first():
        return
    report = f"{result.folder}: {result.record['progress']['steps']} steps"
    if result.perplexity is not None:
        report += f", validation perplexity {result.perplexity:.2f}"
    nucleotide = result.record["progress"]["nucleotide_perplexity"]
    if nucleotide is not None:
        report += f" ({nucleotide:.3f} per nucleotide)"
    switch = result.record["curriculum"]["switch_step"]
    if switch is not None:
        report += f", switched at step {switch}"
    typer.echo(report)


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
