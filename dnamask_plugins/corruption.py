"""80/10/10: what the model sees in the place of a selected token, and the labels it must predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.compiled import njit
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.rng import RngKey
from dnamask_plugins.streams import number_at
from dnamask_plugins.threads import in_threads
from dnamask_plugins.types import BoolArray

IGNORED_LABEL: Final = -100
"""Label of a token that is not predicted (PyTorch's ``ignore_index``)."""


@njit(cache=True, nogil=True)
def _corrupt(  # type: ignore[no-untyped-def]
    input_ids, mask, words, ordinary, mask_id, mask_share, random_share, out, labels
):
    rows, width = input_ids.shape
    for row in range(rows):
        for column in range(width):
            token = input_ids[row, column]
            labels[row, column] = IGNORED_LABEL
            if mask[row, column]:
                labels[row, column] = token
                draw = number_at(words[row], 2 * column)
                if draw < mask_share:
                    token = mask_id
                elif draw < mask_share + random_share:
                    pick = number_at(words[row], 2 * column + 1)
                    token = ordinary[int(pick * ordinary.shape[0])]
            out[row, column] = token


@dataclass(frozen=True, eq=False)
class Corruption:
    """Replaces selected tokens and makes the labels.

    Attributes
    ----------
    mask_token_id : int
    ordinary_ids : int64 array
        Ids that a random replacement may draw: the vocabulary without special tokens. (The code released
        with DNABERT and GeneMask, and Hugging Face's collator, draw special ids too.)
    mask_share, random_share : float
        Shares replaced by [MASK] and by a random ordinary token; the rest stays (BERT: 0.8, 0.1).

    Examples
    --------
    >>> corruption = Corruption(4, np.arange(5, 4101))
    >>> ids = np.array([[2, 17, 99, 3]])
    >>> mask = np.array([[False, True, False, False]])
    >>> corrupted, labels = corruption(ids, mask, RngKey.from_step(0, 0, [0]))
    >>> labels.tolist()
    [[-100, 17, -100, -100]]
    """

    mask_token_id: int
    ordinary_ids: NDArray[np.int64]
    mask_share: float = 0.8
    random_share: float = 0.1

    def __post_init__(self) -> None:
        if min(self.mask_share, self.random_share) < 0 or self.mask_share + self.random_share > 1 + 1e-12:
            raise ConfigError(
                f"mask share {self.mask_share:g} and random share {self.random_share:g} must be at least 0 "
                "and at most 1 together; BERT's are 0.8 and 0.1"
            )

    @classmethod
    def for_tokenizer(
        cls, tokenizer: DNATokenizer, mask_share: float = 0.8, random_share: float = 0.1
    ) -> Corruption:
        """Read the mask id and the ordinary ids from a tokenizer."""
        ordinary = np.setdiff1d(np.arange(tokenizer.vocab_size, dtype=np.int64), tokenizer.special_ids)
        return cls(tokenizer.mask_token_id, ordinary, mask_share, random_share)

    def __call__(
        self, input_ids: NDArray[np.int64], mask: BoolArray, key: RngKey
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return corrupted ids and labels, int64 (B, L) both; the inputs stay as they are.

        Parameters
        ----------
        input_ids : int64 array, shape (B, L)
        mask : bool array, shape (B, L)
        key : RngKey of B examples
        """
        out, labels = np.empty_like(input_ids), np.empty_like(input_ids)

        def work(part: slice) -> None:
            _corrupt(
                input_ids[part],
                mask[part],
                key.words[part],
                self.ordinary_ids,
                self.mask_token_id,
                self.mask_share,
                self.random_share,
                out[part],
                labels[part],
            )

        in_threads(work, *mask.shape)
        return out, labels
