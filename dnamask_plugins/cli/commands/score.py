"""``dnamask score``: likelihoods of nucleotides and effects of variants."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dnamask_plugins.cli.options import inference as option
from dnamask_plugins.cli.options.common import ModelArgument, Overwrite
from dnamask_plugins.cli.progress import counting, tell_resumed
from dnamask_plugins.cli.region import parse_region
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.files import write_atomically

if TYPE_CHECKING:
    from dnamask_plugins.inference.job import Reading

app = typer.Typer()


@app.command()
def score(
    model: ModelArgument,
    sequences: option.SequencesOrVariants = None,
    output: option.ScoreFile = Path("scores.tsv"),
    variants: option.Variants = None,
    reference: option.Reference = None,
    both_strands: option.BothStrands = False,
    spacing: option.Spacing = None,
    picture: option.Picture = None,
    region: option.Region = None,
    window: option.WindowLength = None,
    stride: option.Stride = None,
    sequence_column: option.SequenceColumn = None,
    name_column: option.NameColumn = None,
    bf16: option.Bfloat16 = False,
    overwrite: Overwrite = False,
) -> None:
    """Score nucleotides or variants with a masked language model, each hidden from every token that shows it.

    With SEQUENCES: the probability of A, C, G and T at each place given all others. With --variants and
    --reference: ln p(alt) - ln p(ref).
    """
    if spacing is not None and spacing < 1:
        raise ConfigError(f"--spacing {spacing}: give 1 or more nucleotides, or leave it out")
    files = _files(sequences, variants, reference)
    if files is not None and (picture is not None or stride is not None):
        raise ConfigError("--picture and --stride go with SEQUENCES, not with --variants")

    from dnamask_plugins.inference.job import Reading
    from dnamask_plugins.inference.sequences import ColumnNames
    from dnamask_plugins.models.forward import reduced_precision

    with reduced_precision(bf16):
        if files is not None:
            _variants(model, files, output, (window, spacing), both_strands, overwrite)
        else:
            columns = ColumnNames(sequence_column, name_column)
            reading = Reading(str(sequences), columns, window, stride)
            _sequences(model, reading, output, both_strands, spacing, overwrite)
    if picture is not None:
        _picture(model, output, picture, region)


def _files(sequences: str | None, variants: Path | None, reference: Path | None) -> tuple[Path, Path] | None:
    """Return the variants and what they refer to; None where sequences are to be scored."""
    if (sequences is None) == (variants is None):
        raise ConfigError("give SEQUENCES, or --variants with --reference")
    if variants is None:
        return None
    if reference is None:
        raise ConfigError("--variants needs --reference: the FASTA that the positions count in")
    return variants, reference


def _variants(
    model: str,
    files: tuple[Path, Path],
    output: Path,
    cut: tuple[int | None, int | None],
    both_strands: bool,
    overwrite: bool,
) -> None:
    from dnamask_plugins.inference.effects import MEANING, MEANING_OF_LENGTH, score_variants
    from dnamask_plugins.inference.variants import read_variants

    with counting(lambda: len(read_variants(files[0])), "scoring", "variants") as advance:
        done = score_variants(model, *files, output, cut[0], both_strands, cut[1], overwrite, advance)
    tell_resumed(done.resumed_at, "variants")
    typer.echo(f"{output}: {done.variants:,} variants; effect = {MEANING}")
    if done.of_length:
        typer.echo(f"{MEANING_OF_LENGTH} ({done.of_length:,} variants)")
    typer.echo(f"windows of {done.window:,} nucleotides around the variants")
    if done.unscored:
        typer.echo(f"{done.unscored:,} variants have no score; the column 'note' says why")


def _sequences(
    model: str, reading: Reading, output: Path, both_strands: bool, spacing: int | None, overwrite: bool
) -> None:
    from dnamask_plugins.inference.score import score_file

    with counting(reading.count, "scoring", "nucleotides") as advance:
        done = score_file(model, reading, output, both_strands, spacing, overwrite, advance)
    tell_resumed(done.resumed_at, "windows")
    typer.echo(f"{output}: {done.nucleotides:,} nucleotides, {done.scored:,} of them scored; {done.reading}")
    if done.scored:
        typer.echo(
            f"mean ln p {done.mean:.4f}, perplexity per nucleotide {math.exp(-done.mean):.4f} (4: guessing)"
        )


def _picture(model: str, output: Path, picture: Path, region: str | None) -> None:
    from dnamask_plugins.inference.mutagenesis import draw
    from dnamask_plugins.inference.score import read_scores

    start, stop = parse_region(region) if region else (0, None)
    scored = read_scores(output, start, stop)
    subtitle = "above: what the model expects from the rest of the sequence; below: what each change would do"
    name = Path(model).resolve().name
    image = draw(scored.codes, scored.logs, f"{scored.name}, scored by {name}", start, subtitle)
    write_atomically(picture, image)
    typer.echo(f"{picture}: {scored.codes.size:,} nucleotides of {scored.name}")
