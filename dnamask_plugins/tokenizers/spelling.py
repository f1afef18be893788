"""How the ids of a tokenizer are spelled, and which letters a mask leaves to be predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.budget import hidden_nucleotides
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.nucleotides import CODE_OF_BYTE, LETTERS, UNKNOWN
from dnamask_plugins.types import BoolArray, TokenBatch

NO_LETTER = -1
"""Behind the end of a word in `Spellings.letters`."""


def spelled(token: str, letters_as: str = LETTERS) -> str:
    """Return the letters A, C, G, T, N that a token of a vocabulary spells; empty if it spells none.

    Examples
    --------
    >>> spelled("ACGTTA"), spelled("##acg"), spelled("\u2581GAU", "ACGUN"), spelled("[MASK]")
    ('ACGTTA', 'ACG', 'GAT', '')
    """
    word = token.removeprefix("##").replace("\u2581", "").upper()
    word = word.translate(str.maketrans(letters_as.upper(), LETTERS)).replace("U", "T")
    return word if set(word) <= set(LETTERS) else ""


@dataclass(frozen=True, eq=False)
class Spellings:
    """The letters of every id of a vocabulary.

    Attributes
    ----------
    letters : int8 array, shape (V, m)
        Nucleotide codes 0 to 3, 4 for N, -1 after the end of a word; a special id spells nothing.
        m is the length of the longest word.
    """

    letters: NDArray[np.int8]

    @classmethod
    def from_words(cls, words: Sequence[str]) -> Spellings:
        """Make the table of a list of words, one an id; empty for an id that spells nothing.

        Examples
        --------
        >>> Spellings.from_words(["", "AC", "T"]).letters.tolist()
        [[-1, -1], [0, 1], [3, -1]]
        """
        width = max((len(word) for word in words), default=0)
        letters = np.full((len(words), width), NO_LETTER, dtype=np.int8)
        for row, word in enumerate(words):
            letters[row, : len(word)] = CODE_OF_BYTE[np.frombuffer(word.encode("ascii"), np.uint8)]
        return cls(letters)

    @classmethod
    def of(cls, tokenizer: Any) -> Spellings | None:
        """Return the spellings that a tokenizer tells; None for one that has none.

        A tokenizer tells them by an attribute `spellings`, one string an id (`TokenizerBase` has it).

        Raises
        ------
        ConfigError
            It tells another number of words than it has ids, or a word with other letters.
        """
        words = getattr(tokenizer, "spellings", None)
        if words is None:
            return None
        words = list(words)
        odd = next((word for word in words if not set(word) <= set(LETTERS)), None)
        if len(words) != tokenizer.vocab_size or odd is not None:
            fault = f"the word {odd!r}" if odd is not None else f"{len(words)} words"
            raise ConfigError(
                f"tokenizer '{tokenizer.name}': `spellings` gives {fault}, but must give one string of A, C, "
                f"G, T and N for each of {tokenizer.vocab_size} ids; report it to its author"
            )
        table = cls.from_words(words)
        return table if table.letters.size and bool((table.letters >= 0).any()) else None

    @classmethod
    def required(cls, tokenizer: Any, wanted_by: str) -> Spellings:
        """Return the spellings of a tokenizer.

        Raises
        ------
        ConfigError
            It tells none; names what needs them.
        """
        table = cls.of(tokenizer)
        if table is None:
            raise ConfigError(
                f"{wanted_by} needs to know how each id is spelled, which tokenizer '{tokenizer.name}' does "
                "not tell; give its class a property `spellings` (one string an id), or leave the setting out"
            )
        return table

    def places(self, mask: BoolArray, batch: TokenBatch) -> NDArray[np.float32]:
        """Share out every hidden nucleotide among the masked tokens that cover it.

        Parameters
        ----------
        mask : bool array, shape (B, L)
            Selected tokens.
        batch : TokenBatch

        Returns
        -------
        float32 array, shape (B, L, w)
            Weight of the letter at place j of each token: 1 / (number of masked tokens that cover the
            nucleotide) where no visible token shows it, 0 elsewhere. So the weights of one nucleotide add
            up to 1, and their sum is the number of hidden nucleotides with a known letter. w is the length of
            the longest masked word.

        Examples
        --------
        >>> from dnamask_plugins.tokenizers.kmer import KmerTokenizer
        >>> tokenizer = KmerTokenizer(2)
        >>> batch = tokenizer.encode_batch(["ACGT"])  # [CLS] AC CG GT [SEP]
        >>> mask = np.array([[False, True, True, False, False]])  # hides A and C; GT still shows G
        >>> Spellings.of(tokenizer).places(mask, batch)[0].tolist()
        [[0.0, 0.0], [1.0, 0.5], [0.5, 0.0], [0.0, 0.0], [0.0, 0.0]]
        """
        rows, columns = np.nonzero(mask & ~batch.special_tokens_mask)
        starts, stops = batch.offsets[rows, columns].astype(np.int64).T
        width = min(int((stops - starts).max(initial=0)), self.letters.shape[1])
        out = np.zeros((*mask.shape, width), dtype=np.float32)
        if not width:
            return out
        place = np.arange(width)
        nucleotide = starts[:, None] + place
        letters = self.letters[batch.input_ids[rows, columns], :width]
        known = (nucleotide < stops[:, None]) & (letters >= 0) & (letters < UNKNOWN)
        nucleotide = np.minimum(nucleotide, batch.nucleotides.shape[1] - 1)
        known &= hidden_nucleotides(mask, batch)[rows[:, None], nucleotide]
        covering = np.zeros(batch.nucleotides.shape, dtype=np.int64)
        at = np.broadcast_to(rows[:, None], known.shape)
        np.add.at(covering, (at[known], nucleotide[known]), 1)
        share = np.zeros(known.shape, dtype=np.float32)
        share[known] = 1 / covering[at[known], nucleotide[known]]
        out[rows, columns] = share
        return out


def words_of(vocabulary: Sequence[str], special: Sequence[int], letters_as: str = LETTERS) -> tuple[str, ...]:
    """Return how each token of a vocabulary is spelled, empty for special ones."""
    skip = set(special)
    return tuple(
        "" if index in skip else spelled(token, letters_as) for index, token in enumerate(vocabulary)
    )
