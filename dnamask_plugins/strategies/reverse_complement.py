"""The same mask on both strands: that of a sequence's reverse complement is the mirrored mask."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from dnamask_plugins.budget import Budget
from dnamask_plugins.config import Configurable
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.guard import guarded_select
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.arrays import empty_mask
from dnamask_plugins.strategies.mixture import as_strategy
from dnamask_plugins.strategies.strands import compare_strands, turn_mask, turn_rows
from dnamask_plugins.strategies.windows import overlapping_windows, tokens_under_windows
from dnamask_plugins.types import BoolArray, TokenBatch


@dataclass(frozen=True)
class ReverseComplement(Configurable):
    """Masks a sequence and its reverse complement alike, with any strategy inside.

    Of the two strands the one that is first in alphabetical order is masked by the inner strategy; the mask
    of the other is its mirror image. Give both strands the same key (the same example id).
    (A sequence that is its own reverse complement has one mask, which need not be symmetric.)

    Where the tokens of a row are their own mirror image, as k-mers and single nucleotides are, this is exact
    to the token. Where they are not (BPE, words with a rest at the end), the two strands are cut differently,
    so what is mirrored are the *nucleotides drawn*: the inner strategy works on overlapping windows of
    `token_length` nucleotides, which have a mirror image and spend the budget about as fast as the tokens do,
    and every token that shows a nucleotide it hid is masked. The realised rate is then close to the
    target, not exact.

    Attributes
    ----------
    inner : strategy, name or configuration
        One that selects by the nucleotides; it sees the ids of the given strand in reversed order.
    token_length : int
        Mean nucleotides of a token, where tokens are not their own mirror image; 5 is right for
        DNABERT-2's BPE. It must not depend on the sequence, or the strands would differ.

    Examples
    --------
    >>> from dnamask_plugins.tokenizers.kmer import KmerTokenizer
    >>> tokenizer, strategy = KmerTokenizer(3), ReverseComplement("span")
    >>> key = RngKey.from_step(0, 0, [0])
    >>> forward = strategy.select(tokenizer.encode_batch(["AACGTACCATGCA"]), key, Budget(0.3))
    >>> reverse = strategy.select(tokenizer.encode_batch(["TGCATGGTACGTT"]), key, Budget(0.3))
    >>> bool((forward[:, ::-1] == reverse).all()), int(forward.sum()) > 0
    (True, True)
    """

    name: ClassVar[str] = "reverse_complement"
    parts: ClassVar[tuple[str, ...]] = ("inner",)
    reads_sequence: ClassVar[bool] = True
    """The letters say which strand comes first."""
    rate_bound: ClassVar[float] = 0.06
    """How far the realised rate may be off where tokens are not their own mirror image."""

    inner: Any = "span"
    token_length: int = 5

    def __post_init__(self) -> None:
        if not isinstance(self.token_length, int) or self.token_length < 1:
            raise ConfigError(
                f"{self.name}: token_length {self.token_length!r} must be a whole number from 1"
            )
        object.__setattr__(self, "inner", as_strategy(self.inner))

    @property
    def hides_nucleotides(self) -> bool:
        """Whether the inner strategy hides nucleotides rather than selecting lone tokens."""
        return bool(getattr(self.inner, "hides_nucleotides", True))

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> BoolArray:
        """Return the mask, bool (B, L).

        Parameters
        ----------
        batch : TokenBatch of B examples
        key : RngKey of B examples, the same for both strands of a sequence
        budget : Budget
        """
        turned, symmetric = compare_strands(batch)
        if symmetric.all():
            return self._select_by_token(batch, turned, key, budget)
        mask = empty_mask(batch)
        for rows, select in (
            (np.flatnonzero(symmetric), self._select_by_token),
            (np.flatnonzero(~symmetric), self._select_by_nucleotide),
        ):
            if rows.size:
                mask[rows] = select(batch[rows], turned[rows], key[rows], budget)
        return mask

    def _select_by_token(
        self, batch: TokenBatch, turned: BoolArray, key: RngKey, budget: Budget
    ) -> BoolArray:
        return turn_mask(guarded_select(self.inner, turn_rows(batch, turned), key, budget), batch, turned)

    def _select_by_nucleotide(
        self, batch: TokenBatch, turned: BoolArray, key: RngKey, budget: Budget
    ) -> BoolArray:
        # Hiding l neighbours takes l + size - 1 of the windows, as it takes 1 + (l - 1) / size of consecutive
        # tokens: the same share, and as such tokens do not overlap, the same share of the nucleotides.
        size, rate = self.token_length, budget.rate
        if not self.hides_nucleotides and rate < 1:
            # A lone window hides nothing; a lone nucleotide takes a token of the row with it.
            size, rate = 1, rate / size
        budget = replace(budget, rate=rate, per="token")
        windows = overlapping_windows(batch, size)
        return tokens_under_windows(self._select_by_token(windows, turned, key, budget), size, batch)
