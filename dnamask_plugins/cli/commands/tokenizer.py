"""``dnamask tokenizer``: train one from FASTA, look at what one does, save one as a Hugging Face folder."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from dnamask_plugins import terminal
from dnamask_plugins.cli.options.common import FormatJson, Letters, TextOrJson, Tokenizer
from dnamask_plugins.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Train, save and inspect tokenizers.")


class Kind(str, Enum):
    """What can be trained."""

    bpe = "bpe"
    sentencepiece = "sentencepiece"
    unigram = "unigram"


Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")]


@app.command()
def train(
    fasta: Annotated[
        list[Path], typer.Option("--fasta", help="FASTA file, plain, gz or bgz; may be repeated.")
    ],
    output: Output,
    kind: Annotated[
        Kind, typer.Option(help="Byte-pair merges, the same by SentencePiece, or its unigram model.")
    ] = Kind.bpe,
    vocab_size: Annotated[int, typer.Option(help="Tokens, the five special ones included.")] = 4096,
    max_nucleotides: Annotated[
        int | None,
        typer.Option(
            help="Learn from at most so many, spread evenly over the input (20, 10, 1 million by kind).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train a tokenizer from FASTA; the folder loads with dnamask and with plain AutoTokenizer."""
    from rich.progress import BarColumn, TimeElapsedColumn

    from dnamask_plugins.locks import locked_file
    from dnamask_plugins.tokenizers.train import train_tokenizer

    columns = (terminal.words("{task.description}"), BarColumn(), TimeElapsedColumn())
    size = sum(path.stat().st_size for path in fasta if path.is_file())
    with locked_file(output), terminal.bar(*columns, transient=True) as bar:
        task = bar.add_task("reading FASTA", total=size or None)
        trained = train_tokenizer(
            fasta,
            output,
            kind.value,
            vocab_size,
            max_nucleotides,
            lambda count: bar.advance(task, count),
            # The libraries do not say how far they are: from here on the bar only pulses.
            lambda: bar.reset(task, total=None, description=f"learning {vocab_size} tokens"),
        )
    fewer = "" if trained.vocab_size >= vocab_size else f", not {vocab_size}: the input gives no more"
    typer.echo(f"{output}: {kind.value} tokenizer with {trained.vocab_size} tokens{fewer}")


@app.command()
def encode(
    sequence: Letters,
    tokenizer: Tokenizer = "kmer",
    form: Annotated[TextOrJson, typer.Option("--format", help="Output format.")] = TextOrJson.text,
    as_json: FormatJson = False,
) -> None:
    """Show the tokens of a sequence, their ids, and the nucleotides each covers."""
    from dnamask_plugins.tokenizers.loading import load_tokenizer

    loaded = load_tokenizer(tokenizer)
    encoding = loaded.encode(sequence)
    ids = encoding.input_ids.tolist()
    name_tokens = getattr(loaded, "convert_ids_to_tokens", None)
    tokens = name_tokens(ids) if name_tokens else [str(index) for index in ids]
    rows = zip(tokens, ids, encoding.offsets.tolist(), encoding.special_tokens_mask.tolist(), strict=True)
    if as_json or form is TextOrJson.json:
        columns = ("token", "id", "offsets", "special")
        typer.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows]))
        return
    width = max(map(len, tokens), default=5)
    typer.echo(f"{'token':<{width}}  {'id':>6}  nucleotides")
    for token, index, (start, stop), special in rows:
        covers = f"{start}-{stop}" if stop > start else "-"
        typer.echo(f"{token:<{width}}  {index:>6}  {covers}{'  (never masked)' if special else ''}")


@app.command()
def save(
    output: Output,
    tokenizer: Tokenizer = "kmer",
) -> None:
    """Save a tokenizer as a folder that plain AutoTokenizer loads, with the same ids on raw sequences."""
    from dnamask_plugins.tokenizers.base import TokenizerBase
    from dnamask_plugins.tokenizers.export import save_pretrained
    from dnamask_plugins.tokenizers.loading import load_tokenizer

    loaded = load_tokenizer(tokenizer)
    if not isinstance(loaded, TokenizerBase):
        raise ConfigError(
            f"tokenizer '{tokenizer}' has no Hugging Face form; its class must derive from TokenizerBase"
        )
    save_pretrained(loaded, output)
    typer.echo(f"{output}: {loaded.name} tokenizer with {loaded.vocab_size} tokens")
