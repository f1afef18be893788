"""What columns of a table are called, and which of them holds the sequence: one rule for every command."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from dnamask_plugins.errors import InputError

SEQUENCE: Final = ("sequence", "seq", "text", "dna", "dna_sequence", "sequences", "seqs")
PAIRS: Final = (
    ("sequence1", "sequence2"),
    ("seq1", "seq2"),
    ("sequence_1", "sequence_2"),
    ("seq_1", "seq_2"),
    ("sequence_a", "sequence_b"),
)
LABEL: Final = ("label", "labels", "target", "targets", "class", "y", "value", "score", "name")
NAME: Final = ("id", "name", "seq_id", "accession")
CHROMOSOME: Final = ("chromosome", "chrom", "chr", "seqname", "contig")
START: Final = ("start", "chromstart", "begin")
END: Final = ("end", "chromend", "stop")
LOOKED_AT: Final = 200
"""Rows that are looked at where no name tells."""


def by_name(words: Iterable[str], names: Iterable[str]) -> str | None:
    """Return the first column that has one of some usual names, in any case; the order of the words counts.

    Examples
    --------
    >>> by_name(LABEL, ["Sequence", "Target", "LABEL"])
    'LABEL'
    """
    lower = {name.strip().lower(): name for name in reversed(list(names))}
    return next((lower[word] for word in words if word in lower), None)


def sequence_columns(
    names: Sequence[str], columns: Mapping[str, Sequence[Any]], where: str
) -> tuple[str, ...]:
    """Return the column of the sequence, or the two of a pair.

    Where no name tells, it is the one column of nucleotide letters.

    Parameters
    ----------
    names : sequence of str
        Columns that come into question.
    columns : mapping of str to sequence
        Their values, or the first of them.
    where : str
        The file, for the error message.

    Raises
    ------
    InputError
        No column, or more than one, looks like a sequence.

    Examples
    --------
    >>> table = {"gene": ["TP53"], "promoter": ["GGTATAAAGG"]}
    >>> sequence_columns(list(table), table, "x.csv")
    ('promoter',)
    """
    for pair in PAIRS:
        found = [by_name([word], names) for word in pair]
        if None not in found:
            return tuple(name for name in found if name is not None)
    known = by_name(SEQUENCE, names)
    if known is not None:
        return (known,)
    alike = [name for name in names if _looks_like_dna(columns[name][:LOOKED_AT])]
    if len(alike) == 1:
        return (alike[0],)
    what = f"{' and '.join(alike)} both look like it" if alike else "none looks like it"
    raise InputError(
        f"{where}: which column is the sequence? {what} ({listed(names)}); name it with --sequence-column"
    )


def _looks_like_dna(values: Sequence[Any]) -> bool:
    texts = [re.sub(r"\s", "", str(value)).upper() for value in values]
    # Words such as CAT are nucleotides too, so that length is asked for.
    return all(not text.strip("ACGTUN") for text in texts) and sum(map(len, texts)) >= 8 * len(texts) > 0


def listed(names: Sequence[str]) -> str:
    """Write names of columns for an error message."""
    return ", ".join(f"'{name}'" for name in names[:8]) + (" ..." if len(names) > 8 else "")
