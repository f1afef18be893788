"""Effect of variants: how much more or less probable the alternative allele is than the reference."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dnamask_plugins.inference.job import Collector, Reading, file_identity, open_parts
from dnamask_plugins.inference.likelihood import NucleotideScorer, Question, of_own
from dnamask_plugins.inference.outputs import TABLES, check_suffix, write_table
from dnamask_plugins.inference.score import open_scorer
from dnamask_plugins.inference.sequences import read_pieces
from dnamask_plugins.inference.variants import Context, contexts, read_variants
from dnamask_plugins.nucleotides import UNKNOWN, encode_letters

if TYPE_CHECKING:
    import pyarrow as pa

MEANING: Final = "ln p(alt) - ln p(ref), the differing nucleotides hidden from the model"
MEANING_OF_LENGTH: Final = (
    "where the length changes, the difference of the windows' pseudo-likelihoods over guessing"
)
_GUESS: Final = float(np.log(0.25))
_POOL: Final = 64
"""Variants that are asked for together; more do not fit a batch on a CPU, and their windows are in memory."""


@dataclass(frozen=True)
class Effect:
    """What a model thinks of one variant.

    Attributes
    ----------
    context : Context
    ref, alt : float
        Natural logarithms of the probabilities of the alleles, given the rest of the window; where
        they differ at several places these are hidden together and the logarithms added. Of an insertion
        or deletion see `log_odds`. NaN without a score.
    note : str
        Why there is no score, or how it was made where that is not as above.
    """

    context: Context
    ref: float
    alt: float
    note: str = ""


@dataclass(frozen=True)
class EffectSummary:
    """What was scored.

    Attributes
    ----------
    variants, unscored, resumed_at : int
        Variants in the output, those without a score, and those that an earlier command had done.
    of_length : int
        Scored insertions and deletions.
    window : int
        Nucleotides around a variant.
    """

    variants: int
    unscored: int
    resumed_at: int
    of_length: int
    window: int


def effects(
    scorer: NucleotideScorer,
    found: Iterable[Context],
    limit: int | None = None,
    spacing: int | None = None,
) -> Iterator[Effect]:
    """Score variants, many at a time; alleles of equal length share a question, as their context is the same.

    Parameters
    ----------
    scorer : NucleotideScorer
    found : iterable of Context
    limit : int or None
        Longest row in tokens; a window that gives more is narrowed around the variant.
    spacing : int, optional
        For insertions and deletions, see `questions`.
    """
    remaining = iter(found)
    while pool := list(itertools.islice(remaining, _POOL)):
        fitted = [(_narrowed(each, scorer, limit), note_of(each)) for each in pool]
        asked = {
            number: _question(context)
            for number, (context, note) in enumerate(fitted)
            if not note and not context.variant.changes_length
        }
        answers = dict(zip(asked, scorer.of_windows(list(asked.values())), strict=True)) if asked else {}
        for number, (context, note) in enumerate(fitted):
            if note:
                value = 0.0 if note == EQUAL else np.nan
                yield Effect(context, value, value, note)
            elif number in asked:
                yield _substituted(context, answers[number])
            else:
                windows = (context.letters, context.changed)
                ref, alt = (log_odds(scorer, window, spacing) for window in windows)
                yield Effect(context, ref, alt, CHANGES_LENGTH)


EQUAL: Final = "alleles are equal"
CHANGES_LENGTH: Final = "length changes: whole windows"


def note_of(context: Context) -> str:
    """Say why a variant cannot be scored; empty where it can."""
    variant = context.variant
    if not variant.plain:
        return "no plain allele"
    if variant.ref == variant.alt:
        return EQUAL
    return "" if context.whole else "longer than the window"


def log_odds(scorer: NucleotideScorer, letters: str, spacing: int | None = None) -> float:
    """Return the pseudo-likelihood of a window over guessing: the sum of ln p(letter | rest) - ln 1/4.

    A window with more letters has a smaller likelihood whatever they are. Taken over guessing, a letter of
    which the model knows nothing adds nothing, so that windows of different length can be compared. N, and
    what no token shows, is left out.

    Parameters
    ----------
    scorer : NucleotideScorer
    letters : str
    spacing : int, optional
        See `questions`.
    """
    codes = encode_letters(letters)[0]
    own = of_own(codes, scorer.of_each(codes, spacing=spacing))
    return float(np.nansum(own - _GUESS))


def _question(context: Context) -> Question:
    return Question(context.letters, tuple(context.place + place for place in context.variant.places))


def _substituted(context: Context, logs: NDArray[np.float64]) -> Effect:
    variant = context.variant
    rows, places = np.arange(len(logs)), np.array(variant.places)
    ref, alt = (
        float(logs[rows, encode_letters(allele)[0][places]].sum()) for allele in (variant.ref, variant.alt)
    )
    codes = encode_letters(context.letters)[0]
    unknown = np.isnan(ref) or bool((codes[context.place + places] == UNKNOWN).any())
    return Effect(context, ref, alt, "no token shows it" if unknown else "")


def _narrowed(context: Context, scorer: NucleotideScorer, limit: int | None) -> Context:
    if limit is None or note_of(context):
        return context
    letters, place, size = context.letters, context.place, len(context.variant.ref)
    while max(scorer.tokenizer.encode(each).input_ids.size for each in _alleles(context)) > limit:
        cut = max(1, len(letters) // 20)
        if place >= len(letters) - place - size:
            letters, place = letters[cut:], place - cut
        else:
            letters = letters[:-cut]
        context = Context(context.variant, letters, place)
        if not context.whole:
            break
    return context


def _alleles(context: Context) -> tuple[str, ...]:
    return (context.letters, context.changed) if context.variant.changes_length else (context.letters,)


def score_variants(
    reference: str,
    variants: Path,
    fasta: Path,
    output: Path,
    window: int | None = None,
    both_strands: bool = False,
    spacing: int | None = None,
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
        probable), ``note``. Of an insertion or deletion ``log_p_ref`` and ``log_p_alt`` are the `log_odds` of
        the windows with either allele, which have the same flanks.
    window : int, optional
        Nucleotides around a variant; by default as many as the model takes.
    both_strands, spacing, overwrite, progress
        As for `score_file`; progress counts variants, spacing is for insertions and deletions.
    """
    check_suffix(output, TABLES)
    listed = read_variants(variants)
    model, scorer = open_scorer(reference, both_strands)
    reading = Reading(str(fasta), window=window).fitted(model)
    settings = {"both strands": both_strands, "spacing": spacing, "variants": file_identity(variants)}
    with open_parts(output, model, reading, settings, overwrite) as parts:
        resumed_at = parts.done
        collector = Collector(parts, _table)
        assert reading.window is not None
        found = contexts(listed, read_pieces(fasta), reading.window, str(fasta))
        waiting = (context for number, context in enumerate(found) if number >= resumed_at)
        for done, effect in enumerate(effects(scorer, waiting, model.limit, spacing), start=resumed_at + 1):
            collector.add(effect, done)
            if progress is not None:
                progress(1)
        collector.flush()
        unscored = of_length = 0
        for table in parts.tables():
            unscored += int(np.isnan(table.column("effect").to_numpy()).sum())
            of_length += int((table.column("note").to_numpy(False) == CHANGES_LENGTH).sum())
        write_table(parts, order_by="number")
        return EffectSummary(len(listed), unscored, resumed_at, of_length, reading.window)


def _table(rows: list[Effect]) -> pa.Table:
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
