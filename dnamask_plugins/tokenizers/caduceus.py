"""Caduceus's and HyenaDNA's tokenizer: single letters between special tokens of another order than BERT's."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.tokenizers.base import TokenizerBase
from dnamask_plugins.types import Encoding

_SPECIAL: Final = ("[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]")


@dataclass(frozen=True)
class CaduceusTokenizer(TokenizerBase):
    """One token per nucleotide and [SEP] at the end; ids 7 to 11 for A, C, G, T and N.

    N has an id of its own, covers its letter, and is never masked or labelled.

    Examples
    --------
    >>> CaduceusTokenizer().encode("ACguN").input_ids.tolist()
    [7, 8, 9, 10, 11, 1]
    """

    name: ClassVar[str] = "caduceus"
    roles: ClassVar[Mapping[str, str]] = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Tokens in the order of their ids."""
        return (*_SPECIAL, *"ACGTN")

    @functools.cached_property
    def special_ids(self) -> NDArray[np.int64]:
        """Ids that no A, C, G or T produces."""
        return np.array([*range(len(_SPECIAL)), self.token_to_id["N"]], dtype=np.int64)

    def encode(self, sequence: str) -> Encoding:
        """Tokenize one sequence, [SEP] included."""
        text = self.letters(sequence)
        encoding = self.encoding(list(text), [(place, place + 1) for place in range(len(text))])
        return replace(encoding, special_tokens_mask=np.isin(encoding.input_ids, self.special_ids))

    def to_huggingface(self) -> Any:
        """Return a ``tokenizers.Tokenizer`` that gives the same ids on raw sequences."""
        from tokenizers import Regex
        from tokenizers.normalizers import Sequence
        from tokenizers.pre_tokenizers import Split

        from dnamask_plugins.tokenizers.huggingface_form import letter_steps, word_level

        letters, words = Sequence(letter_steps()), Split(Regex("."), "isolated")
        return word_level(self.vocabulary, "[UNK]", letters, words, [], ["[SEP]"], _SPECIAL)
