"""``dnamask mask``: show what a strategy does to a sequence."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dnamask_plugins import terminal

if TYPE_CHECKING:
    from dnamask_plugins.budget import Budget

app = typer.Typer()

_LONGEST = 20_000
_PREVIEW_OF = 10


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


@app.command()
def mask(
    strategy: Annotated[str, typer.Option("--strategy", help="Name, as 'dnamask list strategies' has it.")],
    sequence: Annotated[str | None, typer.Option("--sequence", "-s", help="Nucleotide letters.")] = None,
    fasta: Annotated[Path | None, typer.Option(help="FASTA, plain or gzip.")] = None,
    tokenizer: Annotated[
        str,
        typer.Option("--tokenizer", "-t", help="Name (kmer, kmer:k=3), folder, tokenizer file or hub id."),
    ] = "kmer",
    npmi: Annotated[Path | None, typer.Option(help="Table made by 'dnamask npmi build'.")] = None,
    mask_rate: Annotated[float, typer.Option(help="Share to mask, above 0 and at most 1.")] = 0.15,
    per: Annotated[Per, typer.Option(help="Share of the tokens, or of the nucleotides.")] = Per.token,
    draw: Annotated[Draw, typer.Option(help="Exact, or independent centres as in the papers.")] = Draw.exact,
    repeat_weight: Annotated[
        float, typer.Option(help="Weight of lower-case letters (repeats), 0 to 1; 0 = never drawn.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 0,
    step: Annotated[int, typer.Option(help="Optimizer step.")] = 0,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Parameter of the strategy, as temperature=0.5."),
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="START-STOP", help="Part of each sequence, from 0, half-open.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Sequences of the FASTA to take.")] = _PREVIEW_OF,
    form: Annotated[Format, typer.Option("--format", help="What to make.")] = Format.text,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; png needs one.")
    ] = None,
    report: Annotated[
        bool,
        typer.Option("--report", help="Print the rate, its spread and the leaks over many masks instead."),
    ] = False,
    repeats: Annotated[int, typer.Option(help="Masks of each sequence that --report sums up.")] = 100,
) -> None:
    """Show what a strategy hides in a sequence: in the terminal, as JSON, as a page or as a picture."""
    form = Format.json if as_json else form
    from dnamask_plugins.budget import Budget
    from dnamask_plugins.errors import ConfigError
    from dnamask_plugins.types import check_mask_rate

    budget = Budget(check_mask_rate(mask_rate), per.value, draw.value)
    if not 0 <= repeat_weight <= 1:
        raise ConfigError(f"--repeat-weight {repeat_weight:g} is outside 0 to 1; 0 means never drawn")
    if form is Format.png and output is None and not report:
        raise ConfigError("a picture needs a file to go to; add -o mask.png")
    table = _table(npmi)
    built = _strategy(strategy, assignments or [], table)
    names, letters = _sequences(sequence, fasta, region, limit)

    from dnamask_plugins.tokenizers.loading import load_tokenizer

    cutter = load_tokenizer(tokenizer)
    if report:
        from dnamask_plugins.preview.masked import measure

        figures = measure(
            letters, cutter, built, budget, seed=seed, steps=repeats, repeat_weight=repeat_weight, table=table
        )
        _write(_report_text(figures, form), output)
        return

    from dnamask_plugins.preview.masked import mask_sequences

    masked = mask_sequences(
        names, letters, cutter, built, budget, seed=seed, step=step, repeat_weight=repeat_weight, table=table
    )
    title = f"{strategy} on {tokenizer}, {_describe(budget)}"
    if form is Format.json:
        import json

        content = {
            "strategy": built.to_config(),
            "tokenizer": dict(cutter.to_config()),
            "budget": {"rate": budget.rate, "per": budget.per, "draw": budget.draw},
            "seed": seed,
            "step": step,
            "sequences": [each.to_json() for each in masked],
        }
        _write(json.dumps(content, indent=1), output)
    elif form is Format.html:
        from dnamask_plugins.preview.page import page

        settings = {"strategy": strategy, "tokenizer": tokenizer, "mask rate": _describe(budget)}
        settings |= {"seed": str(seed), "step": str(step)}
        if npmi is not None:
            settings["NPMI table"] = npmi.name
        for assignment in assignments or []:
            label, _, value = assignment.partition("=")
            settings[label] = value
        _write(page(f"What {strategy} hides", settings, masked), output)
    elif form is Format.png:
        from dnamask_plugins.preview.picture import draw as draw_picture

        _write(draw_picture(masked, title), output)
    else:
        _print_text(title, masked, output)


def _table(path: Path | None) -> Any:
    if path is None:
        return None
    from dnamask_plugins.npmi.table import NpmiTable

    return NpmiTable.load(path)


def _strategy(name: str, assignments: list[str], table: Any) -> Any:
    from dnamask_plugins.config import parse_assignments
    from dnamask_plugins.strategies.building import build_strategy

    return build_strategy({"name": name} | parse_assignments(assignments), table)


def _sequences(
    sequence: str | None, fasta: Path | None, region: str | None, limit: int
) -> tuple[list[str], list[str]]:
    from itertools import islice

    from dnamask_plugins.cli.region import parse_region
    from dnamask_plugins.errors import ConfigError, InputError

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


def _describe(budget: Budget) -> str:
    text = f"{budget.rate:g} of the {budget.per}s"
    return text if budget.draw == "exact" else f"{text}, drawn independently"


def _report_text(figures: Any, form: Format) -> str:
    import dataclasses
    import json

    values = dataclasses.asdict(figures)
    if form is Format.json:
        return json.dumps({key: None if value != value else value for key, value in values.items()}, indent=1)
    lines = {
        "masked examples": f"{figures.examples}",
        "realised rate": f"{figures.token_rate:.3f} of the tokens",
        "its spread": f"{figures.rate_spread:.4f} ({figures.rate_lowest:.3f} to {figures.rate_highest:.3f})",
        "nucleotides hidden": f"{figures.hidden_nucleotides:.3f}",
        "masked tokens readable from neighbours": f"{figures.recoverable:.3f}",
        "masked tokens with one hidden nucleotide": f"{figures.one_hidden:.3f}",
        "hidden nucleotides in a masked token": f"{figures.mean_hidden:.2f}",
    }
    if figures.mean_npmi == figures.mean_npmi:
        lines["mean NPMI of the masked tokens"] = f"{figures.mean_npmi:.3f}"
    return "\n".join(f"{label:<41} {value}" for label, value in lines.items())


def _print_text(title: str, masked: Any, output: Path | None) -> None:
    import io
    import sys

    from dnamask_plugins.preview.text import print_sequences

    if output is None:
        print_sequences(terminal.console(file=sys.stdout), title, masked)
        return
    buffer = io.StringIO()
    print_sequences(terminal.console(file=buffer, width=100), title, masked)
    _write(buffer.getvalue(), output)


def _write(content: str | bytes, output: Path | None) -> None:
    if output is None:
        typer.echo(content)
        return
    from dnamask_plugins.files import write_atomically

    write_atomically(output, content)
    typer.echo(str(output))
