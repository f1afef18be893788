"""Windows: the parts of a sequence that a model reads at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.inference.sequences import Piece
from dnamask_plugins.protocols import DNATokenizer

USUAL_TOKENS: Final = 512
"""Tokens of a window where the architecture sets no limit: what such models are usually trained with."""


@dataclass(frozen=True)
class Window:
    """What a model reads at once.

    Attributes
    ----------
    number : int
        Counts all windows of the input, from 0.
    record, name, label
        Of the sequence; see `Piece`.
    start : int
        Where the window begins in the sequence, in nucleotides.
    letters : str
    last : bool
        Whether it is the last of its sequence.
    fresh : int
        Nucleotides of it that no earlier window has, for progress bars.
    """

    number: int
    record: int
    name: str
    label: str
    start: int
    letters: str
    last: bool
    fresh: int = 0

    @property
    def stop(self) -> int:
        """Where the window ends in the sequence."""
        return self.start + len(self.letters)


def cut(pieces: Iterable[Piece], length: int, stride: int) -> Iterator[Window]:
    """Cut sequences into windows; the last one ends with the sequence and may overlap more.

    Memory holds one window and one piece, however long the sequence is.

    Parameters
    ----------
    pieces : iterable of Piece
    length : int
        Nucleotides in a window; a shorter sequence is one window.
    stride : int
        Nucleotides from one window to the next, at most `length`.

    Raises
    ------
    ConfigError
        Length or stride is out of range.

    Examples
    --------
    >>> piece = Piece(0, "tata", "", 0, "ACTATAAAGG", True)
    >>> [(window.start, window.letters) for window in cut([piece], 6, 3)]
    [(0, 'ACTATA'), (3, 'ATAAAG'), (4, 'TAAAGG')]
    """
    if length < 1 or not 1 <= stride <= length:
        raise ConfigError(
            f"windows of {length} nucleotides every {stride}: the stride must lie between 1 and the window"
        )
    buffer, origin, following, seen = "", 0, 0, 0
    numbers = itertools.count()
    for piece in pieces:
        if piece.start == 0:
            buffer, origin, following, seen = "", 0, 0, 0
        buffer += piece.letters
        end = origin + len(buffer)
        # The window that reaches the end of what is there may be the last one: it waits for the next piece.
        while following + length < end:
            letters = buffer[following - origin : following - origin + length]
            fresh, seen = following + length - seen, following + length
            yield Window(
                next(numbers), piece.record, piece.name, piece.label, following, letters, False, fresh
            )
            following += stride
        if piece.last:
            start = max(end - length, 0)
            letters = buffer[start - origin :]
            yield Window(
                next(numbers), piece.record, piece.name, piece.label, start, letters, True, end - seen
            )
        keep = max(min(following, end - length), origin)
        buffer, origin = buffer[keep - origin :], keep


def nucleotides_of(tokenizer: DNATokenizer, tokens: int) -> int:
    """Return how many nucleotides surely fit into so many tokens, special tokens included.

    Where words vary in length (BPE) that depends on the sequence; the answer is that of random and
    of repetitive DNA, whichever is shorter, and a window that still gives more tokens is halved.

    Examples
    --------
    >>> from dnamask_plugins.plugins import create
    >>> nucleotides_of(create("tokenizers", "kmer", k=6), 512)
    515
    """
    draws = np.random.default_rng(0).integers(0, 4, 16 * tokens)
    probes = ["".join("ACGT"[code] for code in draws), "ACGT" * 4 * tokens, "CG" * 8 * tokens]
    return min(_longest_prefix(tokenizer, probe, tokens) for probe in probes)


def _longest_prefix(tokenizer: DNATokenizer, probe: str, tokens: int) -> int:
    low, high = 1, len(probe)
    while low < high:
        middle = (low + high + 1) // 2
        if tokenizer.encode(probe[:middle]).input_ids.size <= tokens:
            low = middle
        else:
            high = middle - 1
    return low
