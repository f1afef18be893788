"""Effect of variants: how much more or less probable the alternative allele is than the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.inference.job import Collector, Reading, file_identity, open_parts
from dnamask_plugins.inference.likelihood import NucleotideScorer
from dnamask_plugins.inference.outputs import TABLES, check_suffix, write_table
from dnamask_plugins.inference.score import open_scorer
from dnamask_plugins.inference.sequences import read_pieces
from dnamask_plugins.inference.variants import Context, contexts, read_variants
from dnamask_plugins.nucleotides import UNKNOWN, encode_letters

if TYPE_CHECKING:
    import pyarrow as pa

MEANING: Final = "ln p(alt) - ln p(ref), the differing nucleotides hidden from the model"


@dataclass(frozen=True)
class Effect:
    """What a model thinks of one variant.

    Attributes
    ----------
    context : Context
    ref, alt : float
        Natural logarithms of the probabilities of the alleles, given the rest of the window; where
        they differ at several places these are hidden together and the logarithms added. NaN without a score.
    note : str
        Why there is no score.
    """

    context: Context
    ref: float
    alt: float
    note: str = ""


@dataclass(frozen=True)
class EffectSummary:
    """Variants in the output, those without a score, those that were done before; nucleotides in a window."""

    variants: int
    unscored: int
    resumed_at: int
    window: int


def effects(scorer: NucleotideScorer, found: Iterable[Context], limit: int | None = None) -> Iterator[Effect]:
    """Score variants of equal length; the alleles share one question, as their context is the same.

    Parameters
    ----------
    scorer : NucleotideScorer
    found : iterable of Context
    limit : int or None
        Longest row in tokens; a window that gives more is narrowed around the variant.
    """
    for context in found:
        note = context.variant.unscored
        if note:
            yield Effect(context, np.nan, np.nan, note)
            continue
        context = _narrowed(context, scorer, limit)
        places = np.array(context.variant.places, dtype=np.int64)
        if not places.size:
            yield Effect(context, 0.0, 0.0, "alleles are equal")
            continue
        codes = encode_letters(context.letters)[0]
        hidden = np.zeros((1, codes.size), dtype=bool)
        hidden[0, context.place + places] = True
        logs = scorer.log_probabilities(codes, hidden)
        rows = np.arange(places.size)
        ref, alt = (
            float(logs[rows, encode_letters(allele)[0][places]].sum())
            for allele in (context.variant.ref, context.variant.alt)
        )
        unknown = np.isnan(ref) or bool((codes[context.place + places] == UNKNOWN).any())
        yield Effect(context, ref, alt, "no token shows it" if unknown else "")


def _narrowed(context: Context, scorer: NucleotideScorer, limit: int | None) -> Context:
    letters, place, size = context.letters, context.place, len(context.variant.ref)
    while limit is not None and scorer.tokenizer.encode(letters).input_ids.size > limit:
        cut = max(1, len(letters) // 20)
        if place >= len(letters) - place - size:
            letters, place = letters[cut:], place - cut
        else:
            letters = letters[:-cut]
        if place < 0 or place + size > len(letters):
            raise ConfigError(f"{context.variant}: is longer than what the model reads at once; leave it out")
    return Context(context.variant, letters, place)


def score_variants(
    reference: str,
    variants: Path,
    fasta: Path,
    output: Path,
    window: int | None = None,
    both_strands: bool = False,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> EffectSummary:
    """Score the variants of a file against a reference.

    Parameters
    ----------
    reference : str
        Model folder, or owner/name on the hub.
    variants : Path
        VCF or table; see `read_variants`.
    fasta : Path
        The reference, plain or gzip; it is read once.
    output : Path
        ``.tsv`` or ``.parquet`` in the order of the variants: ``chrom``, ``pos`` (from 1), ``id``, ``ref``,
        ``alt``, ``log_p_ref``, ``log_p_alt``, ``effect`` (their difference: below 0 the alternative is less
        probable), ``note``.
    window : int, optional
        Nucleotides around a variant; by default as many as the model takes.
    both_strands, overwrite, progress
        As for `score_file`; progress counts variants.
    """
    check_suffix(output, TABLES)
    listed = read_variants(variants)
    model, scorer = open_scorer(reference, both_strands)
    reading = Reading(str(fasta), window=window).fitted(model)
    settings = {"both strands": both_strands, "variants": file_identity(variants)}
    with open_parts(output, model, reading, settings, overwrite) as parts:
        resumed_at = parts.done
        collector = Collector(parts, _table)
        assert reading.window is not None
        found = contexts(listed, read_pieces(fasta), reading.window, str(fasta))
        waiting = (context for number, context in enumerate(found) if number >= resumed_at)
        for done, effect in enumerate(effects(scorer, waiting, model.limit), start=resumed_at + 1):
            collector.add(effect, done)
            if progress is not None:
                progress(1)
        collector.flush()
        unscored = sum(int((table.column("note").to_numpy(False) != "").sum()) for table in parts.tables())
        write_table(parts, order_by="number")
        return EffectSummary(len(listed), unscored, resumed_at, reading.window)


def _table(rows: list[Effect]) -> pa.Table:
    import pyarrow as pa

    variants = [row.context.variant for row in rows]
    ref, alt = np.array([row.ref for row in rows]), np.array([row.alt for row in rows])
    return pa.table(
        {
            "number": pa.array([variant.number for variant in variants], pa.int64()),
            "chrom": pa.array([variant.chrom for variant in variants], pa.string()),
            "pos": pa.array([variant.start + 1 for variant in variants], pa.int64()),
            "id": pa.array([variant.name for variant in variants], pa.string()),
            "ref": pa.array([variant.ref for variant in variants], pa.string()),
            "alt": pa.array([variant.alt for variant in variants], pa.string()),
            "log_p_ref": pa.array(ref),
            "log_p_alt": pa.array(alt),
            "effect": pa.array(alt - ref),
            "note": pa.array([row.note for row in rows], pa.string()),
        }
    )
