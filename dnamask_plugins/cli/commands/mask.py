"""``dnamask mask``: show what a strategy does to a sequence."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dnamask_plugins import terminal
from dnamask_plugins.cli.options import common
from dnamask_plugins.cli.options import masking as option
from dnamask_plugins.cli.options.masking import Draw, Format, Per
from dnamask_plugins.cli.region import parse_region
from dnamask_plugins.config import parse_assignments
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.files import write_atomically

if TYPE_CHECKING:
    from dnamask_plugins.budget import Budget
    from dnamask_plugins.preview.writers import Preview

app = typer.Typer()

_LONGEST = 20_000
_PREVIEW_OF = 10


@app.command()
def mask(
    strategy: option.Strategy,
    sequence: option.Sequence = None,
    fasta: option.Fasta = None,
    tokenizer: common.Tokenizer = "kmer",
    npmi: common.NpmiTable = None,
    mask_rate: option.MaskRate = 0.15,
    per: option.ShareOf = Per.token,
    draw: option.HowDrawn = Draw.exact,
    repeat_weight: option.RepeatWeight = 1.0,
    seed: option.Seed = 0,
    step: option.Step = 0,
    assignments: option.Parameters = None,
    region: option.Region = None,
    limit: option.Limit = _PREVIEW_OF,
    form: option.WhatToMake = Format.text,
    as_json: common.FormatJson = False,
    output: option.Output = None,
    report: option.Report = False,
    repeats: option.Repeats = 100,
) -> None:
    """Show what a strategy hides in a sequence: in the terminal, as JSON, as a page or as a picture."""
    form = Format.json if as_json else form
    budget = _budget(mask_rate, per.value, draw.value, repeat_weight)
    if form is Format.png and output is None and not report:
        raise ConfigError("a picture needs a file to go to; add -o mask.png")
    table = _table(npmi)
    built = _strategy(strategy, assignments or [], table)
    names, letters = _sequences(sequence, fasta, region, limit)

    from dnamask_plugins.preview.masked import mask_sequences, measure
    from dnamask_plugins.preview.writers import Preview, report_as_json, report_as_text
    from dnamask_plugins.tokenizers.loading import load_tokenizer

    cutter = load_tokenizer(tokenizer)
    options: dict[str, Any] = {"seed": seed, "repeat_weight": repeat_weight, "table": table}
    if report:
        figures = measure(letters, cutter, built, budget, steps=repeats, **options)
        _write(report_as_json(figures) if form is Format.json else report_as_text(figures), output)
        return
    masked = mask_sequences(names, letters, cutter, built, budget, step=step, **options)
    further = {} if npmi is None else {"NPMI table": npmi.name}
    further |= {label: value for label, _, value in (each.partition("=") for each in assignments or [])}
    _show(Preview(built, cutter, (strategy, tokenizer), budget, seed, step, further, masked), form, output)


def _budget(rate: float, per: Any, draw: Any, repeat_weight: float) -> Budget:
    from dnamask_plugins.budget import Budget
    from dnamask_plugins.types import check_mask_rate

    budget = Budget(check_mask_rate(rate), per, draw)
    if not 0 <= repeat_weight <= 1:
        raise ConfigError(f"--repeat-weight {repeat_weight:g} is outside 0 to 1; 0 means never drawn")
    return budget


def _table(path: Path | None) -> Any:
    if path is None:
        return None
    from dnamask_plugins.npmi.table import NpmiTable

    return NpmiTable.load(path)


def _strategy(name: str, assignments: list[str], table: Any) -> Any:
    from dnamask_plugins.strategies.building import build_strategy

    return build_strategy({"name": name} | parse_assignments(assignments), table)


def _sequences(
    sequence: str | None, fasta: Path | None, region: str | None, limit: int
) -> tuple[list[str], list[str]]:
    if (sequence is None) == (fasta is None):
        raise ConfigError("give one of --sequence ACGT... and --fasta FILE")
    if sequence is not None:
        named = [("sequence", "".join(sequence.split()))]
    else:
        from dnamask_plugins.corpus.fasta import read_fasta

        named = [
            (record.name, record.sequence.decode())
            for record in islice(read_fasta(str(fasta)), max(limit, 1))
        ]
    if region is not None:
        start, stop = parse_region(region)
        named = [(f"{name}:{start}-{stop}", letters[start:stop]) for name, letters in named]
    for name, letters in named:
        if not letters:
            raise InputError(f"sequence '{name}' is empty; give at least one nucleotide (see --region)")
        if len(letters) > _LONGEST:
            raise InputError(
                f"sequence '{name}' has {len(letters)} nucleotides, too many to show; "
                "take a part with --region 0-510"
            )
    return [name for name, _ in named], [letters for _, letters in named]


def _show(preview: Preview, form: Format, output: Path | None) -> None:
    from dnamask_plugins.preview.writers import WRITERS

    if form is Format.text and output is None:
        from dnamask_plugins.preview.text import print_sequences

        print_sequences(terminal.console(file=sys.stdout), preview.title, preview.sequences)
    else:
        _write(WRITERS[form.value](preview), output)


def _write(content: str | bytes, output: Path | None) -> None:
    if output is None:
        typer.echo(content)
        return

    write_atomically(output, content)
    typer.echo(str(output))
