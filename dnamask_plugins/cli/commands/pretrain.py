"""``dnamask pretrain``: from a corpus to a model folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from dnamask_plugins.cli.options import common
from dnamask_plugins.cli.options import pretraining as option
from dnamask_plugins.cli.run_settings import settings_of
from dnamask_plugins.processes import is_first

if TYPE_CHECKING:
    from dnamask_plugins.pretrain.run import PretrainResult

app = typer.Typer()


@app.command()
def pretrain(
    config: option.Config = None,
    backbone: option.Backbone = None,
    tokenizer: option.Tokenizer = None,
    corpus: option.Corpus = None,
    npmi: common.NpmiTable = None,
    curriculum: option.Curriculum = None,
    strategy: option.Strategy = None,
    mask_rate: option.MaskRate = None,
    output: option.Output = None,
    max_steps: option.MaxSteps = None,
    eval_steps: option.EvalSteps = None,
    batch_size: option.WindowsPerProcess = None,
    accumulation: option.Accumulation = None,
    learning_rate: option.LearningRate = None,
    workers: option.Workers = None,
    init: option.Init = None,
    loss: option.Loss = None,
    fresh_head: option.FreshHead = False,
    lora: option.Lora = None,
    seed: option.Seed = None,
    assignments: option.Assignments = None,
    resume: option.Resume = False,
    resume_anyway: option.ResumeAnyway = False,
    overwrite: option.Overwrite = False,
    quiet: option.Quiet = False,
) -> None:
    """Pretrain a masked language model on DNA under a masking curriculum.

    The defaults are the recipe of GeneMask and CM-GEMS: 10,000 steps of 250 windows. The output folder
    loads with plain AutoModelForMaskedLM and AutoTokenizer. SIGTERM or Ctrl-C saves and exits with code 75;
    the same command with --resume goes on from there.
    """
    from dnamask_plugins.tokenizers.loading import tokenizer_config

    flags: dict[str, Any] = {
        "backbone": backbone,
        "tokenizer": tokenizer_config(tokenizer) if tokenizer else None,
        "corpus": str(corpus) if corpus else None,
        "npmi": str(npmi) if npmi else None,
        "output": str(output) if output else None,
        "curriculum.name": curriculum,
        "curriculum.strategy": strategy,
        "curriculum.mask_rate": mask_rate,
        "init": init,
        "loss": loss,
        "fresh_head": fresh_head or None,
        "lora.rank": lora or None,
        "seed": seed,
        "trainer.max_steps": max_steps,
        "trainer.eval_steps": eval_steps,
        "trainer.save_steps": eval_steps,
        "trainer.per_device_train_batch_size": batch_size,
        "trainer.gradient_accumulation_steps": accumulation,
        "trainer.learning_rate": learning_rate,
        "trainer.dataloader_num_workers": workers,
    }
    settings = settings_of(config, flags, assignments or ())

    from dnamask_plugins.pretrain.run import pretrain as run

    result = run(settings, resume, quiet, resume_anyway, overwrite)
    if is_first():
        typer.echo(_told(result))


def _told(result: PretrainResult) -> str:
    """Say what came of a run."""
    told = f"{result.folder}: {result.record['progress']['steps']} steps"
    if result.perplexity is not None:
        told += f", validation perplexity {result.perplexity:.2f}"
    nucleotide = result.record["progress"]["nucleotide_perplexity"]
    if nucleotide is not None:
        told += f" ({nucleotide:.3f} per nucleotide)"
    switch = result.record["curriculum"]["switch_step"]
    if switch is not None:
        told += f", switched at step {switch}"
    return told
