"""Codons of a coding sequence, one token each."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.tokenizers.base import BERT_ROLES, TokenizerBase
from dnamask_plugins.types import Encoding


@dataclass(frozen=True)
class CodonTokenizer(TokenizerBase):
    """Codons in one reading frame, in CodonBERT's order (Li et al., Genome Research 2024).

    The five special tokens of BERT, then the 64 codons with letters in the order A, U, G, C. One or two
    letters before the frame or at the end are no codon: they are [UNK], cover their letters and are never
    masked. A codon with N is [UNK] as well.

    Parameters
    ----------
    frame : int
        Letters before the first codon: 0, 1 or 2.

    Raises
    ------
    ConfigError
        The frame is another.

    Examples
    --------
    >>> tokenizer = CodonTokenizer()
    >>> encoding = tokenizer.encode("AUGGCCTA")
    >>> tokenizer.convert_ids_to_tokens(encoding.input_ids)
    ['[CLS]', 'AUG', 'GCC', '[UNK]', '[SEP]']
    >>> encoding.offsets.tolist()
    [[0, 0], [0, 3], [3, 6], [6, 8], [0, 0]]
    """

    name: ClassVar[str] = "example.codon"
    expected_failures: ClassVar[Mapping[str, str]] = {
        "every_nucleotide_is_covered": "one or two letters behind the last codon are no codon",
    }
    frame: int = 0

    def __post_init__(self) -> None:
        if self.frame not in (0, 1, 2):
            raise ConfigError(f"{self.name}: frame {self.frame!r} must be 0, 1 or 2")

    @functools.cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """69 tokens in the order of their ids."""
        return (*BERT_ROLES.values(), *map("".join, itertools.product("AUGC", repeat=3)))

    def encode(self, sequence: str) -> Encoding:
        """Tokenize one sequence."""
        text = self.letters(sequence).replace("T", "U")
        cuts = [0, *range(self.frame, len(text), 3), len(text)]
        intervals = [(start, stop) for start, stop in itertools.pairwise(cuts) if start < stop]
        return self.encoding([text[start:stop] for start, stop in intervals], intervals)

    def to_huggingface(self) -> Any:
        """Return the same as a tokenizer of Hugging Face's library, to be saved with a model."""
        from tokenizers import Regex, normalizers, pre_tokenizers

        from dnamask_plugins.tokenizers.huggingface_form import letter_steps, word_level

        letters = normalizers.Sequence(letter_steps("ACGUN"))
        before = [rf"\A.{{1,{self.frame}}}"] if self.frame else []
        cuts = [pre_tokenizers.Split(Regex(each), "isolated") for each in (*before, ".{1,3}")]
        special = list(self.roles.values())
        words = pre_tokenizers.Sequence(cuts)
        return word_level(self.vocabulary, "[UNK]", letters, words, ["[CLS]"], ["[SEP]"], special)
