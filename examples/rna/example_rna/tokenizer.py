"""multimolecule's RNA vocabularies: letters, words side by side, or codons."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.tokenizers.base import TokenizerBase
from dnamask_plugins.types import Encoding

ROLES: Final[Mapping[str, str]] = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "cls_token": "<cls>",
    "sep_token": "<eos>",
    "mask_token": "<mask>",
}
_WORD: Final = re.compile("[ACGU]+")


@dataclass(frozen=True)
class MultimoleculeTokenizer(TokenizerBase):
    """The ids of ``multimolecule.RnaTokenizer``, and which letters each token shows.

    T is U. A word that holds a letter other than A, C, G, U has its id, covers its letters, and is never
    masked. One or two letters behind the last codon are <unk>, where the library refuses the sequence.

    Parameters
    ----------
    codon : bool
        Codons side by side (CaLM); single letters otherwise (RNABERT, RNA-FM, SpliceBERT, UTR-LM).

    Raises
    ------
    ConfigError
        The library is not installed.

    Examples
    --------
    >>> MultimoleculeTokenizer().encode("ACGT").input_ids.tolist()
    [1, 6, 7, 8, 9, 2]
    """

    name: ClassVar[str] = "example.multimolecule"
    roles: ClassVar[Mapping[str, str]] = ROLES
    codon: bool = False

    @property
    def expected_failures(self) -> Mapping[str, str]:
        """What the kit need not hold against it."""
        return (
            {"every_nucleotide_is_covered": "letters behind the last codon are no codon"}
            if self.codon
            else {}
        )

    @functools.cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Tokens in the order of their ids, the library's own."""
        try:
            from multimolecule import RnaTokenizer
        except ImportError as error:
            raise ConfigError(
                f"{self.name}: the library multimolecule (AGPL-3.0) is missing ({error}); "
                "pip install multimolecule"
            ) from None
        ids = RnaTokenizer(codon=self.codon).get_vocab()
        return tuple(sorted(ids, key=ids.__getitem__))

    @functools.cached_property
    def special_ids(self) -> NDArray[np.int64]:  # type: ignore[override]
        """Ids of everything that is not written in A, C, G, U."""
        return np.array(
            [index for index, token in enumerate(self.vocabulary) if not _WORD.fullmatch(token)],
            dtype=np.int64,
        )

    def encode(self, sequence: str) -> Encoding:
        """Tokenize one sequence, special tokens included."""
        text = self.letters(sequence).replace("T", "U")
        size = 3 if self.codon else 1
        cuts = [(start, min(start + size, len(text))) for start in range(0, len(text), size)]
        encoding = self.encoding([text[start:stop] for start, stop in cuts], cuts)
        return replace(encoding, special_tokens_mask=np.isin(encoding.input_ids, self.special_ids))

    def to_huggingface(self) -> Any:
        """Return the same as a tokenizer of Hugging Face's library, to be saved with a model."""
        from tokenizers import Regex, normalizers, pre_tokenizers

        from dnamask_plugins.tokenizers.huggingface_form import letter_steps, word_level

        letters = normalizers.Sequence(letter_steps("ACGUN"))
        words = pre_tokenizers.Split(Regex(".{1,3}" if self.codon else "."), "isolated")
        special = list(self.roles.values())
        return word_level(self.vocabulary, "<unk>", letters, words, ["<cls>"], ["<eos>"], special)
