"""``dnamask npmi``: build an NPMI table from FASTA or from counts, and look into one."""

from __future__ import annotations

import csv
import enum
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dnamask_plugins import terminal
from dnamask_plugins.cli.options.common import Address, ExecutorName, Fastas, FormatJson, MoreFastas
from dnamask_plugins.cli.progress import reading
from dnamask_plugins.executors import make_executor

if TYPE_CHECKING:
    from dnamask_plugins.npmi.table import NpmiTable

app = typer.Typer(no_args_is_help=True, help="NPMI tables: how much more often a k-mer occurs than chance.")


class _Variant(str, enum.Enum):
    pmi_masking = "pmi_masking"
    genemask_released = "genemask_released"


class _Format(str, enum.Enum):
    text = "text"
    csv = "csv"
    json = "json"


_VariantOption = Annotated[
    _Variant, typer.Option(help="The papers' definition, or what the table released with GeneMask holds.")
]
_MinCount = Annotated[int, typer.Option(help="Smallest count that gets a score (the papers use 101).")]
_Strands = Annotated[bool, typer.Option("--reverse-complement", help="Count the other strand too.")]
_Output = Annotated[Path, typer.Option("--output", "-o", help="Table to write.")]


@app.command()
def build(
    fasta: Fastas,
    output: _Output,
    more: MoreFastas = None,
    k: Annotated[int, typer.Option(help="Length of the k-mers, 2 to 12.")] = 6,
    min_count: _MinCount = 101,
    variant: _VariantOption = _Variant.pmi_masking,
    reverse_complement: _Strands = False,
    executor: ExecutorName = "local",
    address: Address = None,
) -> None:
    """Count the k-mers of FASTA files and score them."""
    from dnamask_plugins.locks import locked_file
    from dnamask_plugins.npmi.table import NpmiTable

    files = [*fasta, *(more or [])]
    runs_here = executor == "local"
    with locked_file(output), reading(files, "counting") as progress:
        table = NpmiTable.from_fasta(
            files,
            k,
            variant=variant.value,
            min_count=min_count,
            reverse_complement=reverse_complement,
            progress=progress if runs_here else None,
            executor=make_executor(executor, address, gpus_per_item=0),
        ).save(output)
    _report(table)


@app.command("from-counts")
def from_counts(
    counts: Annotated[
        Path,
        typer.Argument(
            metavar="CSV",
            help="Columns kmer (or ngram) and count; rows of shorter k-mers are used when given.",
        ),
    ],
    output: _Output,
    min_count: _MinCount = 101,
    variant: _VariantOption = _Variant.pmi_masking,
    reverse_complement: _Strands = False,
) -> None:
    """Score k-mer counts that you have already."""
    from dnamask_plugins.npmi.table import NpmiTable

    table = NpmiTable.from_counts_csv(
        counts, variant=variant.value, min_count=min_count, reverse_complement=reverse_complement
    )
    _report(table.save(output))


@app.command()
def show(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="Table that 'npmi build' wrote.")],
    top: Annotated[int, typer.Option(min=0, help="Rows to show, highest first; 0 = every k-mer.")] = 20,
    format: Annotated[_Format, typer.Option(help="How to print.")] = _Format.text,
    as_json: FormatJson = False,
) -> None:
    """Print the highest k-mers of a table and where it comes from."""
    from dnamask_plugins.npmi.listing import kmers_by_score
    from dnamask_plugins.npmi.table import NpmiTable

    loaded = NpmiTable.load(table)
    rows = list(kmers_by_score(loaded, top or None))
    if format is _Format.csv:
        _print_csv(rows)
    elif as_json or format is _Format.json:
        _print_json(loaded, rows)
    else:
        _print_text(loaded, rows)


def _report(table: NpmiTable) -> None:
    typer.echo(
        f"{table.path}: {table.order.size:,} of {table.counts.size:,} {table.k}-mers scored "
        f"({table.variant}, min count {table.min_count}, {int(table.counts.sum()):,} windows)"
    )


def _print_csv(rows: list[dict[str, Any]]) -> None:
    writer = csv.DictWriter(sys.stdout, ["kmer", "count", "pmi", "npmi", "rank"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)


def _print_json(table: NpmiTable, rows: list[dict[str, Any]]) -> None:
    typer.echo(
        json.dumps(
            {
                "k": table.k,
                "variant": table.variant,
                "min_count": table.min_count,
                "fingerprint": table.fingerprint,
                "scored": int(table.order.size),
                "provenance": dict(table.provenance),
                "kmers": rows,
            },
            indent=1,
        )
    )


def _print_text(table: NpmiTable, rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table

    out = terminal.console(file=sys.stdout)
    figures = Table("rank", "kmer", "count", "pmi", "npmi", box=box.SIMPLE_HEAD)
    for column in figures.columns:
        column.justify = "left" if column.header == "kmer" else "right"
    for row in rows:
        scores = ("" if row[name] is None else f"{row[name]:.4f}" for name in ("pmi", "npmi"))
        figures.add_row(str(row["rank"] or ""), row["kmer"], f"{row['count']:,}", *scores)
    out.print(figures)
    sources = ", ".join(source["file"] for source in table.provenance.get("sources", [])) or "unknown source"
    out.print(
        f"{table.order.size:,} of {table.counts.size:,} {table.k}-mers scored; {table.variant}, "
        f"min count {table.min_count}, strands {table.provenance.get('strands', '?')}, from {sources}",
        soft_wrap=True,
    )
