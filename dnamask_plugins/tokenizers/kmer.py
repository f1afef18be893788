"""Overlapping k-mers with DNABERT's vocabulary (Ji et al., Bioinformatics 2021)."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.compiled import njit
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.nucleotides import LETTERS
from dnamask_plugins.tokenizers.base import BERT_ROLES, ArrayTokenizer, empty_tokens
from dnamask_plugins.types import NucleotideBatch, TokenBatch

ALPHABET: Final = "ATCG"
"""DNABERT's order of the letters: a k-mer's id is a number in base 4 with these digits."""

_PAD, _UNK, _CLS, _SEP, _MASK = range(5)
_FIRST: Final = 5


@njit(cache=True, nogil=True)
def _encode(codes, lengths, digit_of_code, k, shift, input_ids, offsets, special, attention):  # type: ignore[no-untyped-def]
    rows = input_ids.shape[0]
    keep = (1 << (2 * k)) - 1
    for row in range(rows):
        length = lengths[row]
        places = max(length - k + 1, 0)
        count = (places + shift - 1) // shift
        input_ids[row, 0] = _CLS
        offsets[row, 0, 0] = 0
        offsets[row, 0, 1] = 0
        special[row, 0] = True
        attention[row, 0] = True
        word = 0
        known = 0
        for position in range(min(k - 1, length)):
            code = codes[row, position]
            if code < 4:
                word = (word << 2) | digit_of_code[code]
                known += 1
            else:
                known = 0
        for start in range(places):
            code = codes[row, start + k - 1]
            if code < 4:
                word = ((word << 2) | digit_of_code[code]) & keep
                known += 1
            else:
                known = 0
            if start % shift == 0:
                unknown = known < k
                column = start // shift + 1
                input_ids[row, column] = _UNK if unknown else word + _FIRST
                special[row, column] = unknown
        for column in range(1, count + 1):
            offsets[row, column, 0] = (column - 1) * shift
            offsets[row, column, 1] = (column - 1) * shift + k
            attention[row, column] = True
        input_ids[row, count + 1] = _SEP
        attention[row, count + 1] = True
        input_ids[row, count + 2 :] = _PAD
        attention[row, count + 2 :] = False
        offsets[row, count + 1 :] = 0
        special[row, count + 1 :] = True


@dataclass(frozen=True)
class KmerTokenizer(ArrayTokenizer):
    """Overlapping k-mers: token j + 1 shows the nucleotides [j s, j s + k); ``[CLS] ... [SEP]``.

    The vocabulary is that of DNABERT's files: [PAD] [UNK] [CLS] [SEP] [MASK], then the k-mers with their
    letters in the order A, T, C, G; ProkBERT's is the same in the order A, C, G, T. A k-mer that holds a
    letter other than A, C, G, T (U) is [UNK]: it covers its nucleotides but is never masked or labelled. A
    sequence shorter than k is ``[CLS] [SEP]``; where s > 1, up to s - 1 letters at the end are in no word.

    Parameters
    ----------
    k : int
        Letters in a word, 1 to 10; DNABERT has 3 to 6.
    order : str
        Order of the letters in the vocabulary: ``ATCG`` (DNABERT), ``ACGT`` (ProkBERT) or another.
    shift : int
        s, letters from the beginning of a word to that of the next, 1 to k; ProkBERT mini-long has 2.

    Raises
    ------
    ConfigError
        k is outside 1..10, the order is none of A, C, G, T, or the shift is outside 1..k.

    Examples
    --------
    >>> encoding = KmerTokenizer(3).encode("AAAtN")
    >>> encoding.input_ids.tolist()
    [2, 5, 6, 1, 3]
    >>> encoding.offsets.tolist()
    [[0, 0], [0, 3], [1, 4], [2, 5], [0, 0]]
    >>> encoding.special_tokens_mask.tolist()
    [True, False, False, True, True]
    """

    name: ClassVar[str] = "kmer"

    k: int = 6
    order: str = ALPHABET
    shift: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.order, str) or sorted(self.order) != sorted(ALPHABET):
            raise ConfigError(
                f"kmer: order is {self.order!r}, but must be the letters A, C, G, T in some order; "
                "DNABERT's is ATCG, ProkBERT's ACGT"
            )
        if isinstance(self.k, bool) or not isinstance(self.k, int) or not 1 <= self.k <= 10:
            raise ConfigError(
                f"kmer: k is {self.k!r}, but must be a whole number from 1 to 10; DNABERT's is 6"
            )
        whole = isinstance(self.shift, int) and not isinstance(self.shift, bool)
        if not whole or not 1 <= self.shift <= self.k:
            raise ConfigError(
                f"kmer: shift is {self.shift!r}, but must be a whole number from 1 to k = {self.k}; "
                "words further apart would leave letters out"
            )

    @classmethod
    def from_vocabulary(cls, words: Sequence[str], shift: int = 1) -> KmerTokenizer | None:
        """Find the k and the order of a vocabulary file; None where it is no list of all k-mers.

        Examples
        --------
        >>> KmerTokenizer.from_vocabulary(KmerTokenizer(3, "ACGT").vocabulary)
        KmerTokenizer(k=3, order='ACGT')
        """
        k = len(words[-1]) if words else 0
        if not 1 <= k <= 10 or len(words) != _FIRST + 4**k:
            return None
        order = "".join(word[-1:] for word in words[_FIRST : _FIRST + 4])
        if sorted(order) != sorted(ALPHABET):
            return None
        tokenizer = cls(k, order, shift)
        return tokenizer if tuple(words) == tokenizer.vocabulary else None

    def to_config(self) -> dict[str, Any]:
        """Return the configuration; what is as in DNABERT is left out, as records from before have none."""
        config = super().to_config()
        for name, value in (("order", ALPHABET), ("shift", 1)):
            if config[name] == value:
                del config[name]
        return config

    @functools.cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Tokens in the order of their ids."""
        return (*BERT_ROLES.values(), *map("".join, itertools.product(self.order, repeat=self.k)))

    @property
    def vocab_size(self) -> int:
        """Number of ids: 4^k + 5."""
        return _FIRST + int(4**self.k)

    @property
    def pad_token_id(self) -> int:
        """Id of [PAD]."""
        return _PAD

    @property
    def mask_token_id(self) -> int:
        """Id of [MASK]."""
        return _MASK

    @functools.cached_property
    def special_ids(self) -> NDArray[np.int64]:
        """Ids of [PAD] [UNK] [CLS] [SEP] [MASK]."""
        return np.arange(_FIRST, dtype=np.int64)

    @property
    def left_at_end(self) -> int:
        """Most letters at the end of a sequence that are in no word."""
        return self.shift - 1

    def encode_codes(self, batch: NucleotideBatch) -> TokenBatch:
        """Tokenize a batch of nucleotide codes, in one compiled pass."""
        return overlapping_words(batch, self.k, digits(self.order), self.shift)

    def to_huggingface(self) -> Any:
        """Return a ``tokenizers.Tokenizer`` that gives the same ids on raw sequences."""
        from dnamask_plugins.tokenizers.huggingface_form import overlapping_kmers

        return overlapping_kmers(self.vocabulary, self.k, self.shift)


def digits(order: str) -> NDArray[np.uint8]:
    """Return the digit of each nucleotide code (A, C, G, T) where letters count in an order."""
    return np.array([order.index(letter) for letter in LETTERS[:4]], dtype=np.uint8)


def overlapping_words(
    batch: NucleotideBatch, k: int, digit_of_code: NDArray[np.uint8], shift: int = 1
) -> TokenBatch:
    """Tokenize a batch into overlapping k-mers: id 5 + the word read as a number in base 4.

    Parameters
    ----------
    batch : NucleotideBatch
    k : int
    digit_of_code : uint8 array, shape (4,)
        Digit of A, C, G and T.
    shift : int
        Letters between the beginnings of two words.
    """
    longest = int(batch.lengths.max(initial=0))
    width = -(-max(longest - k + 1, 0) // shift) + 2 if len(batch.lengths) else 0
    arrays = empty_tokens(len(batch.lengths), width)
    _encode(batch.codes, batch.lengths, digit_of_code, k, shift, *arrays)
    return TokenBatch(*arrays, batch.codes, batch.lengths)
