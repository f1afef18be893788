"""What tokenizers share: from an `encode` to a whole `DNATokenizer`.

Policy on letters, the same for every tokenizer here: lower case is the same nucleotide (the soft mask
is kept separately), ``U`` is ``T``, every IUPAC letter but A, C, G, T is ``N``, anything else is an error.
A token whose id is [UNK] covers its nucleotides in `offsets`, yet counts as special: to predict [UNK]
teaches nothing, so that it is never masked and never labelled, and it shows no nucleotide.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.config import Configurable
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.nucleotides import LETTERS, decode_codes
from dnamask_plugins.tokenizers.spelling import words_of
from dnamask_plugins.types import Encoding, NucleotideBatch, TokenBatch

BERT_ROLES: Final[Mapping[str, str]] = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
"""Role -> token, as in BERT; the roles are Hugging Face's names."""


class TokenizerBase(Configurable, ABC):
    """Base of tokenizers that encode one sequence at a time; the batch form is made here.

    A subclass is a ``@dataclass(frozen=True)`` (its fields are its configuration) with a class attribute
    `name`, and gives `vocabulary` and `encode`. If its special tokens are not called as in BERT it also
    gives `roles`.

    Examples
    --------
    A codon tokenizer in one frame:

    >>> from dataclasses import dataclass
    >>> from itertools import product
    >>> @dataclass(frozen=True)
    ... class Codons(TokenizerBase):
    ...     name = "acme.codons"
    ...
    ...     @functools.cached_property
    ...     def vocabulary(self):
    ...         return (*BERT_ROLES.values(), *map("".join, product("ACGT", repeat=3)))
    ...
    ...     def encode(self, sequence):
    ...         text = self.letters(sequence)
    ...         starts = range(0, len(text) - 2, 3)
    ...         return self.encoding([text[i : i + 3] for i in starts], [(i, i + 3) for i in starts])
    >>> batch = Codons().encode_batch(["acgNNNAAA", "AAA"])
    >>> batch.input_ids.tolist()
    [[2, 11, 1, 5, 3], [2, 5, 3, 0, 0]]
    >>> batch.special_tokens_mask[0].tolist()
    [True, False, True, False, True]
    """

    roles: ClassVar[Mapping[str, str]] = BERT_ROLES

    @property
    @abstractmethod
    def vocabulary(self) -> tuple[str, ...]:
        """Tokens in the order of their ids, special tokens included."""

    @abstractmethod
    def encode(self, sequence: str) -> Encoding:
        """Tokenize one sequence, special tokens included.

        Raises
        ------
        InputError
            A character is no IUPAC nucleotide letter.
        """

    @property
    def vocab_size(self) -> int:
        """Number of ids, special and unused ones included."""
        return len(self.vocabulary)

    @functools.cached_property
    def token_to_id(self) -> Mapping[str, int]:
        """Id of each token."""
        return {token: index for index, token in enumerate(self.vocabulary)}

    @functools.cached_property
    def spellings(self) -> tuple[str, ...]:
        """How each id is spelled, in A, C, G, T and N; empty for special ids (see `tokenizers.spelling`)."""
        return words_of(self.vocabulary, self.special_ids.tolist(), getattr(self, "letters_as", LETTERS))

    def role_id(self, role: str) -> int | None:
        """Return the id of a role such as ``sep_token``, None where this tokenizer has none."""
        token = self.roles.get(role)
        return None if token is None else self.token_to_id[token]

    @property
    def pad_token_id(self) -> int:
        """Id after the end of a row."""
        return self.token_to_id[self.roles["pad_token"]]

    @property
    def mask_token_id(self) -> int:
        """Id that replaces a hidden token."""
        return self.token_to_id[self.roles["mask_token"]]

    @functools.cached_property
    def special_ids(self) -> NDArray[np.int64]:
        """Ids that no nucleotide produces ([UNK] counts as one), sorted."""
        return np.unique(np.array([self.token_to_id[token] for token in self.roles.values()], dtype=np.int64))

    def letters(self, sequence: str) -> str:
        """Return the sequence in canonical letters: upper case A, C, G, T and N only.

        Raises
        ------
        InputError
            A character is no IUPAC nucleotide letter.
        """
        return decode_codes(NucleotideBatch.from_strings([sequence]).codes[0])

    def encoding(self, tokens: Sequence[str], offsets: Sequence[tuple[int, int]]) -> Encoding:
        """Make an `Encoding` from tokens and the nucleotides they cover: ids, [CLS], [SEP], special mask.

        A token that the vocabulary does not have becomes [UNK].
        """
        unknown = self.role_id("unk_token")
        cls_id, sep_id = self.role_id("cls_token"), self.role_id("sep_token")
        ids = [self.token_to_id.get(token, -1 if unknown is None else unknown) for token in tokens]
        if unknown is None and -1 in ids:
            raise KeyError(f"{self.name}: token {tokens[ids.index(-1)]!r} is not in the vocabulary")
        head, tail = ([] if cls_id is None else [cls_id]), ([] if sep_id is None else [sep_id])
        intervals = [(0, 0)] * len(head) + list(offsets) + [(0, 0)] * len(tail)
        special = [True] * len(head) + [index == unknown for index in ids] + [True] * len(tail)
        return Encoding(
            np.array(head + ids + tail, dtype=np.int64),
            np.array(intervals, dtype=np.int32).reshape(-1, 2),
            np.array(special, dtype=bool),
        )

    def encode_batch(self, sequences: Sequence[str] | NucleotideBatch) -> TokenBatch:
        """Tokenize many sequences; row i equals ``encode(sequences[i])`` plus padding on the right.

        Parameters
        ----------
        sequences : sequence of str, or NucleotideBatch

        Returns
        -------
        TokenBatch
            Its `weights` are None.
        """
        batch = as_nucleotides(sequences)
        encodings = [self.encode(text) for text in as_strings(batch)]
        return pad_encodings(encodings, batch, self.pad_token_id)

    def to_huggingface(self) -> Any:
        """Return a ``tokenizers.Tokenizer`` that gives the same ids on raw sequences, for `export`.

        Raises
        ------
        ConfigError
            This tokenizer has no such form.
        """
        raise ConfigError(
            f"{self.name}: has no Hugging Face form; give the class a method to_huggingface() to save it"
        )

    def save_sources(self, folder: Path) -> dict[str, Any]:
        """Copy the files this tokenizer was loaded from into `folder`, and return the configuration there.

        Paths in the configuration are relative to the parent of `folder`. Nothing is written by tokenizers
        that are their configuration.
        """
        return self.to_config()

    def convert_ids_to_tokens(self, ids: Sequence[int] | NDArray[np.int64]) -> list[str]:
        """Return the tokens of some ids."""
        vocabulary = self.vocabulary
        return [vocabulary[index] for index in np.asarray(ids).tolist()]


class ArrayTokenizer(TokenizerBase):
    """Base of tokenizers that work on arrays of codes, a batch at once; `encode` is a batch of one."""

    @abstractmethod
    def encode_codes(self, batch: NucleotideBatch) -> TokenBatch:
        """Tokenize a batch of nucleotide codes."""

    def encode_batch(self, sequences: Sequence[str] | NucleotideBatch) -> TokenBatch:
        """Tokenize many sequences; row i equals ``encode(sequences[i])`` plus padding on the right."""
        return self.encode_codes(as_nucleotides(sequences))

    def encode(self, sequence: str) -> Encoding:
        """Tokenize one sequence, special tokens included."""
        row = self.encode_batch([sequence])
        return Encoding(row.input_ids[0], row.offsets[0], row.special_tokens_mask[0])


def as_nucleotides(sequences: Sequence[str] | NucleotideBatch) -> NucleotideBatch:
    """Return sequences as codes, whichever form they came in."""
    return sequences if isinstance(sequences, NucleotideBatch) else NucleotideBatch.from_strings(sequences)


def as_strings(batch: NucleotideBatch) -> list[str]:
    """Write each row as canonical letters (upper case, A C G T N)."""
    return [decode_codes(codes[:length]) for codes, length in zip(batch.codes, batch.lengths, strict=True)]


def pad_encodings(encodings: Sequence[Encoding], batch: NucleotideBatch, pad_token_id: int) -> TokenBatch:
    """Put encodings together as rows of one batch, padded on the right to the longest."""
    rows = len(encodings)
    width = max((encoding.input_ids.size for encoding in encodings), default=0)
    input_ids = np.full((rows, width), pad_token_id, dtype=np.int64)
    offsets = np.zeros((rows, width, 2), dtype=np.int32)
    special = np.ones((rows, width), dtype=bool)
    attention = np.zeros((rows, width), dtype=bool)
    for row, encoding in enumerate(encodings):
        size = encoding.input_ids.size
        input_ids[row, :size] = encoding.input_ids
        offsets[row, :size] = encoding.offsets
        special[row, :size] = encoding.special_tokens_mask
        attention[row, :size] = True
    return TokenBatch(input_ids, offsets, special, attention, batch.codes, batch.lengths)


def empty_tokens(rows: int, width: int) -> tuple[Any, Any, Any, Any]:
    """Allocate ids, offsets, special and attention masks that a kernel is to fill completely."""
    return (
        np.empty((rows, width), dtype=np.int64),
        np.empty((rows, width, 2), dtype=np.int32),
        np.empty((rows, width), dtype=bool),
        np.empty((rows, width), dtype=bool),
    )
