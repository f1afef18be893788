"""How many letters a token covers, measured: what decides how long a row of tokens has to be."""

from __future__ import annotations

import functools
import random
from typing import Final

from dnamask_plugins.protocols import DNATokenizer

_PROBE: Final = 2_000


@functools.cache
def _probe() -> str:
    return "".join(random.Random(20240814).choices("ACGT", k=_PROBE))


def letters_per_token(tokenizer: DNATokenizer) -> float:
    """Return the letters of a long random sequence per ordinary token that the tokenizer makes of it.

    Examples
    --------
    >>> from dnamask_plugins.tokenizers.loading import load_tokenizer
    >>> [round(letters_per_token(load_tokenizer(name)), 1) for name in ("kmer:k=6", "nucleotide", "logo:n=6")]
    [1.0, 1.0, 6.0]
    """
    encoding = tokenizer.encode(_probe())
    return _PROBE / max(int((~encoding.special_tokens_mask).sum()), 1)


def tokens_needed(tokenizer: DNATokenizer, letters: int) -> int:
    """Return about how many tokens a sequence of so many letters takes, special tokens included."""
    specials = int(tokenizer.encode("").input_ids.size)
    return round(letters / letters_per_token(tokenizer)) + specials
