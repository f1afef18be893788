"""The same mask on both strands: that of a sequence's reverse complement is the mirrored mask."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.budget import Budget
from dnamask_plugins.config import Configurable
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.nucleotides import complement
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.arrays import empty_mask
from dnamask_plugins.strategies.mixture import as_strategy
from dnamask_plugins.types import BoolArray, TokenBatch


@dataclass(frozen=True)
class ReverseComplement(Configurable):
    """Masks a sequence and its reverse complement alike, with any strategy inside.

    Of the two strands the one that is first in alphabetical order is masked by the inner strategy; the mask
    of the other is its mirror image. Give both strands the same key (the same example id). (A sequence that is
    its own reverse complement has one mask, which need not be symmetric.)

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
        turned = np.array([_is_second(batch, row) for row in range(len(batch))], dtype=bool)
        mirrored = np.array([_is_own_mirror_image(batch, row) for row in range(len(batch))], dtype=bool)
        mask = empty_mask(batch)
        exact = np.flatnonzero(mirrored)
        if exact.size:
            part = _turn(batch[exact], turned[exact])
            mask[exact] = _turn_back(self.inner.select(part, key[exact], budget), batch[exact], turned[exact])
        rest = np.flatnonzero(~mirrored)
        if rest.size:
            mask[rest] = self._select_by_nucleotide(batch[rest], turned[rest], key[rest], budget)
        return mask

    def _select_by_nucleotide(
        self, batch: TokenBatch, turned: BoolArray, key: RngKey, budget: Budget
    ) -> BoolArray:
        size = 1
        if self.hides_nucleotides and budget.per == "token":
            size = self.token_length
        elif budget.per == "token":
            # A lone token hides its nucleotide here, and a whole token of the row with it.
            budget = replace(budget, rate=budget.rate / self.token_length if budget.rate < 1 else 1.0)
        windows = _turn(_windows(batch, size), turned)
        chosen = _turn_back(self.inner.select(windows, key, budget), windows, turned)
        mask = empty_mask(batch)
        for row in range(len(batch)):
            length = int(batch.lengths[row])
            # Windows run over both ends, so nucleotide j is hidden when windows j .. j + size - 1 all are.
            shown = np.concatenate([[0], np.cumsum(~chosen[row, : length + size - 1])])
            hidden = np.concatenate([[0], np.cumsum(shown[size:] == shown[:-size])])
            start, stop = np.minimum(batch.offsets[row].T, length)
            mask[row] = (hidden[stop] > hidden[start]) & ~batch.special_tokens_mask[row]
        return mask


def _is_second(batch: TokenBatch, row: int) -> bool:
    """Say whether the other strand comes first in alphabetical order."""
    codes = batch.nucleotides[row, : batch.lengths[row]]
    other = complement(codes[::-1])
    different = np.flatnonzero(codes != other)
    return bool(different.size and other[different[0]] < codes[different[0]])


def _is_own_mirror_image(batch: TokenBatch, row: int) -> bool:
    offsets = batch.offsets[row, _showing(batch, row)]
    return bool(np.array_equal(offsets, batch.lengths[row] - offsets[::-1, ::-1]))


def _showing(batch: TokenBatch, row: int) -> NDArray[np.intp]:
    """Return the columns that show nucleotides, [UNK] included."""
    return np.flatnonzero(batch.offsets[row, :, 1] > batch.offsets[row, :, 0])


def _turn(batch: TokenBatch, turned: BoolArray) -> TokenBatch:
    """Return the other strand of the rows that are `turned`; what shows no nucleotide keeps its column."""
    ids, offsets, codes = batch.input_ids.copy(), batch.offsets.copy(), batch.nucleotides.copy()
    special = batch.special_tokens_mask.copy()
    weights = None if batch.weights is None else batch.weights.copy()
    for row in np.flatnonzero(turned):
        length, columns = int(batch.lengths[row]), _showing(batch, row)
        ids[row, columns] = batch.input_ids[row, columns[::-1]]
        special[row, columns] = batch.special_tokens_mask[row, columns[::-1]]
        offsets[row, columns] = length - batch.offsets[row, columns[::-1]][:, ::-1]
        codes[row, :length] = complement(codes[row, :length][::-1])
        if weights is not None:
            weights[row, :length] = weights[row, :length][::-1]
    return replace(
        batch, input_ids=ids, offsets=offsets, special_tokens_mask=special, nucleotides=codes, weights=weights
    )


def _turn_back(mask: BoolArray, batch: TokenBatch, turned: BoolArray) -> BoolArray:
    back = mask.copy()
    for row in np.flatnonzero(turned):
        columns = _showing(batch, row)
        back[row, columns] = mask[row, columns[::-1]]
    return back


def _windows(batch: TokenBatch, size: int) -> TokenBatch:
    """Return the sequences cut into every window of `size` nucleotides, those over the ends included."""
    count = batch.lengths + size - 1
    index = np.arange(int(count.max(initial=0)))[None, :]
    present = index < count[:, None]
    lengths = batch.lengths[:, None]
    start: NDArray[np.intp] = np.clip(index - size + 1, 0, lengths)
    stop = np.clip(index + 1, 0, lengths)
    offsets = np.where(present[..., None], np.stack([start, stop], axis=-1), 0).astype(np.int32)
    ids = np.zeros(present.shape, dtype=np.int64)
    return TokenBatch(ids, offsets, ~present, present, batch.nucleotides, batch.lengths, batch.weights)
