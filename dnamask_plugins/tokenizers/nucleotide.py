"""Single letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

from dnamask_plugins.nucleotides import LETTERS
from dnamask_plugins.tokenizers.base import BERT_ROLES, ArrayTokenizer
from dnamask_plugins.tokenizers.kmer import overlapping_words
from dnamask_plugins.types import NucleotideBatch, TokenBatch

_DIGIT_OF_CODE: Final = np.arange(4, dtype=np.uint8)


@dataclass(frozen=True)
class NucleotideTokenizer(ArrayTokenizer):
    """One token per nucleotide: ``[CLS] ... [SEP]``, ids 5 to 8 for A, C, G, T.

    Any other letter is [UNK]: it covers its nucleotide but is never masked or labelled.

    Examples
    --------
    >>> NucleotideTokenizer().encode("ACguN").input_ids.tolist()
    [2, 5, 6, 7, 8, 1, 3]
    """

    name: ClassVar[str] = "nucleotide"

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Tokens in the order of their ids."""
        return (*BERT_ROLES.values(), *LETTERS[:4])

    def encode_codes(self, batch: NucleotideBatch) -> TokenBatch:
        """Tokenize a batch of nucleotide codes, in one compiled pass."""
        return overlapping_words(batch, 1, _DIGIT_OF_CODE)

    def to_huggingface(self) -> Any:
        """Return a ``tokenizers.Tokenizer`` that gives the same ids on raw sequences."""
        from dnamask_plugins.tokenizers.huggingface_form import overlapping_kmers

        return overlapping_kmers(self.vocabulary, 1)
