"""Sequences as a table holds them: checked, in upper case, words of overlapping k-mers joined again."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dnamask_plugins.errors import InputError
from dnamask_plugins.nucleotides import CODE_OF_BYTE, UNKNOWN

_FOREIGN = re.compile(r"[^ACGTURYSWKMBDHVN]")


def clean_sequences(
    values: Sequence[Any], where: Callable[[int], str], *, other_letters_as_n: bool = False
) -> tuple[tuple[str, ...], str]:
    """Check sequences and write them in upper case without blanks.

    Parameters
    ----------
    values : sequence
        As they are in the table.
    where : callable
        Names a row in an error.
    other_letters_as_n : bool
        Read X, gaps and whatever else is no nucleotide letter as N, instead of refusing it.

    Returns
    -------
    sequences : tuple of str
    note : str
        What was done besides; empty for plain sequences.

    Raises
    ------
    InputError
        A row has no sequence, or a letter that is no nucleotide.

    Examples
    --------
    >>> clean_sequences(["acg", "TTT"], str)
    (('ACG', 'TTT'), '')
    >>> clean_sequences(["ACG CGT GTT", "TTT TTA TAA"], str)
    (('ACGTT', 'TTTAA'), 'words of overlapping 3-mers joined')
    """
    texts = ["" if value is None else str(value).strip().upper() for value in values]
    k = _word_size(texts)
    note = "" if k is None else f"words of overlapping {k}-mers joined"
    if k is not None:
        texts = [_join(text) for text in texts]
    changed = 0
    for row, text in enumerate(texts):
        if not text:
            raise InputError(f"{where(row)}: has no sequence; remove the row")
        if not text.isascii() or (CODE_OF_BYTE[np.frombuffer(text.encode(), np.uint8)] > UNKNOWN).any():
            if not other_letters_as_n:
                found = _FOREIGN.search(text)
                assert found is not None
                raise InputError(
                    f"{where(row)}, letter {found.start() + 1}: {found[0]!r} is no nucleotide; correct it, "
                    "or read such letters as N with --other-letters-as-n"
                )
            texts[row] = _FOREIGN.sub("N", text)
            changed += 1
    if changed:
        note = "; ".join(filter(None, (note, f"other letters read as N in {changed:,} rows")))
    return tuple(texts), note


def _word_size(texts: Sequence[str]) -> int | None:
    """Return k where every sequence is written as overlapping k-mers between blanks."""
    sizes = {len(word) for text in texts[:200] for word in text.split()}
    if len(sizes) != 1 or not any(" " in text for text in texts[:200]):
        return None
    size = sizes.pop()
    for text in texts:
        words = text.split()
        if any(one[1:] != other[:-1] for one, other in itertools.pairwise(words)):
            return None
    return size


def _join(text: str) -> str:
    words = text.split()
    return words[0] + "".join(word[-1] for word in words[1:]) if words else ""
