"""LOGO's non-overlapping n-grams, vocabulary in the published order (Yang et al., NAR 2022)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.compiled import njit
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.nucleotides import LETTERS
from dnamask_plugins.tokenizers.base import ArrayTokenizer, empty_tokens
from dnamask_plugins.types import NucleotideBatch, TokenBatch

ALPHABET: Final = "NAGCT"
_DIGIT_OF_CODE: Final = np.array([ALPHABET.index(letter) for letter in LETTERS], dtype=np.int64)
_UNK, _CLS, _MASK, _PAD = range(4)
_FIRST: Final = 10


@njit(cache=True, nogil=True)
def _word_id(codes, start, stop, digit_of_code):  # type: ignore[no-untyped-def]
    # The first letter counts from A, every later one is a digit in base 5 (least significant first),
    # and the words of one length follow those of the lengths below: 5^(length - 1) of them.
    first = digit_of_code[codes[start]]
    if stop - start == 1:
        return _FIRST + first
    if first == 0:
        return _UNK
    index = first - 1
    place = 4
    block = 1
    for position in range(start + 1, stop):
        index += digit_of_code[codes[position]] * place
        place *= 5
        block *= 5
    return _FIRST + block + index


@njit(cache=True, nogil=True)
def _encode(  # type: ignore[no-untyped-def]
    codes, lengths, digit_of_code, n, phase, add_cls, keep_ends, input_ids, offsets, special, attention
):
    rows, width = input_ids.shape
    for row in range(rows):
        length = lengths[row]
        column = 0
        if add_cls:
            input_ids[row, 0] = _CLS
            offsets[row, 0] = 0
            special[row, 0] = True
            attention[row, 0] = True
            column = 1
        start = 0 if keep_ends and phase > 0 else phase
        while start < length:
            stop = min(phase if start < phase else start + n, length)
            if stop - start < n and not keep_ends:
                break
            word = _word_id(codes[row], start, stop, digit_of_code)
            input_ids[row, column] = word
            offsets[row, column, 0] = start
            offsets[row, column, 1] = stop
            special[row, column] = word == _UNK
            attention[row, column] = True
            column += 1
            start = stop
        for rest in range(column, width):
            input_ids[row, rest] = _PAD
            offsets[row, rest] = 0
            special[row, rest] = True
            attention[row, rest] = False


@dataclass(frozen=True)
class LogoTokenizer(ArrayTokenizer):
    """Consecutive words of n letters, from a phase on: ``<cls> word word ...``.

    The alphabet is N, A, G, C, T and ids start at 10: the five letters, then for each length up to n, for
    each last letter, each shorter word in its order that does not begin with N. 0 is ``<unk>``, 1 ``<cls>``,
    2 ``<mask>``; ``<pad>`` is 3, the number that the published program calls its padding; 4 to 9 are unused.
    A word that begins with N is ``<unk>`` (covers its nucleotides, never masked), other words with N are
    words; every ambiguous IUPAC letter is N.

    Parameters
    ----------
    n : int
        Letters in a word, 1 to 8; published with 3 to 6.
    phase : int
        Where the first whole word starts, 0 to n - 1.
    add_cls : bool
        Put ``<cls>`` in front, so that a classifier has its place. The published pretraining puts nothing.
    keep_ends : bool
        Keep the shorter words before the phase and at the end, so that no nucleotide is lost. The published
        program has them in its vocabulary but drops them.

    Raises
    ------
    ConfigError
        n or phase is out of range.

    Examples
    --------
    >>> tokenizer = LogoTokenizer(n=3, phase=1)
    >>> encoding = tokenizer.encode("ACGTAN")
    >>> tokenizer.convert_ids_to_tokens(encoding.input_ids)
    ['<cls>', 'A', 'CGT', 'AN']
    >>> encoding.offsets.tolist()
    [[0, 0], [0, 1], [1, 4], [4, 6]]
    """

    name: ClassVar[str] = "logo"
    roles: ClassVar[Mapping[str, str]] = {
        "unk_token": "<unk>",
        "cls_token": "<cls>",
        "mask_token": "<mask>",
        "pad_token": "<pad>",
    }

    n: int = 6
    phase: int = 0
    add_cls: bool = True
    keep_ends: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, int) or not 1 <= self.n <= 8:
            raise ConfigError(
                f"logo: n is {self.n!r}, but must be a whole number from 1 to 8; LOGO has 3 to 6"
            )
        if isinstance(self.phase, bool) or not isinstance(self.phase, int) or not 0 <= self.phase < self.n:
            raise ConfigError(
                f"logo: phase is {self.phase!r}, but must be a whole number from 0 to {self.n - 1}, below n"
            )

    @functools.cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Tokens in the order of their ids."""
        words = shorter = list(ALPHABET)
        for _ in range(self.n - 1):
            shorter = [word + last for last in ALPHABET for word in shorter if not word.startswith("N")]
            words = words + shorter
        unused = tuple(f"<unused{index}>" for index in range(_PAD + 1, _FIRST))
        return ("<unk>", "<cls>", "<mask>", "<pad>", *unused, *words)

    @property
    def vocab_size(self) -> int:
        """Number of ids: 5^n words and 10 below them."""
        return _FIRST + int(5**self.n)

    @property
    def pad_token_id(self) -> int:
        """Id of ``<pad>``."""
        return _PAD

    @property
    def mask_token_id(self) -> int:
        """Id of ``<mask>``."""
        return _MASK

    @functools.cached_property
    def special_ids(self) -> NDArray[np.int64]:
        """Ids below the first word."""
        return np.arange(_FIRST, dtype=np.int64)

    def encode_codes(self, batch: NucleotideBatch) -> TokenBatch:
        """Tokenize a batch of nucleotide codes, in one compiled pass."""
        longest = int(batch.lengths.max(initial=0))
        if self.keep_ends:
            words = -(-max(longest - self.phase, 0) // self.n) + (self.phase > 0 and longest > 0)
        else:
            words = max(longest - self.phase, 0) // self.n
        width = words + self.add_cls if len(batch.lengths) else 0
        arrays = empty_tokens(len(batch.lengths), width)
        _encode(
            batch.codes,
            batch.lengths,
            _DIGIT_OF_CODE,
            self.n,
            self.phase,
            self.add_cls,
            self.keep_ends,
            *arrays,
        )
        return TokenBatch(*arrays, batch.codes, batch.lengths)

    def to_huggingface(self) -> Any:
        """Return a ``tokenizers.Tokenizer`` that gives the same ids on raw sequences."""
        from dnamask_plugins.tokenizers.huggingface_form import consecutive_words

        return consecutive_words(self.vocabulary, self.n, self.phase, self.add_cls, self.keep_ends)
