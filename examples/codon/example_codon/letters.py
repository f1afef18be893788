"""Letters of an RNA sequence, one token each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dnamask_plugins.tokenizers.base import TokenizerBase
from dnamask_plugins.types import Encoding


@dataclass(frozen=True)
class RnaTokenizer(TokenizerBase):
    """Single letters A, U, G, C without [CLS] and [SEP], as in RNABERT (Akiyama and Sakakibara, 2022).

    Examples
    --------
    >>> RnaTokenizer().encode("GATTN").input_ids.tolist()
    [4, 2, 3, 3, 6]
    """

    name: ClassVar[str] = "example.rna"
    roles: ClassVar[Mapping[str, str]] = {"pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"}
    vocabulary: ClassVar[tuple[str, ...]] = ("[PAD]", "[MASK]", "A", "U", "G", "C", "[UNK]")  # type: ignore[assignment]

    def encode(self, sequence: str) -> Encoding:
        """Tokenize one sequence."""
        text = self.letters(sequence).replace("T", "U")
        return self.encoding(text, [(at, at + 1) for at in range(len(text))])

    def to_huggingface(self) -> Any:
        """Return the same as a tokenizer of Hugging Face's library, to be saved with a model."""
        from tokenizers import Regex, normalizers, pre_tokenizers

        from dnamask_plugins.tokenizers.huggingface_form import letter_steps, word_level

        letters = normalizers.Sequence(letter_steps("ACGUN"))
        each = pre_tokenizers.Split(Regex("."), "isolated")
        return word_level(self.vocabulary, "[UNK]", letters, each, [], [], list(self.roles.values()))
