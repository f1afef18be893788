"""GeneMask: hide what k-mer statistics give away, around random centres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from dnamask_plugins.budget import Budget
from dnamask_plugins.config import Configurable
from dnamask_plugins.errors import InputError
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.arrays import empty_mask, kernel_arrays, run_kernel
from dnamask_plugins.strategies.centers import check_center_rate
from dnamask_plugins.strategies.rank_table import RankTable, check_lookup
from dnamask_plugins.types import BoolArray, TokenBatch

Lookup = Literal["kmer", "position"]


@dataclass(frozen=True)
class GeneMask(Configurable):
    """Draws centres; hides the best-scored k-mer over the better half of them, only the centre of the others.

    For each centre the window of k nucleotides over it with the highest NPMI is found (ties: the one with the
    centre in its middle, then the leftmost); that score is the centre's MPMI. The better half of the m
    centres, ceil(m / 2) of them and all of them when that is below 5, hide their windows (11 tokens of
    6-mers); the others hide only themselves (6 tokens). Roy et al., ECAI 2023, section 3.

    With an exact budget, m is the number that spends it on average: target / (mean of what hiding one and
    hiding k nucleotides masks), rounded; 9 for 510 6-mers at 0.15. Centres are hidden in the order drawn. If
    the budget is not spent then, further centres are drawn; one of them hides its window when its MPMI is at
    least the lowest of the better half.

    Attributes
    ----------
    npmi : NpmiTable or path
        Scores of all k-mers. A window without a score, or with an unknown letter, is never hidden whole.
    center_rate : float or None
        Chance of a nucleotide to be a centre when ``draw="bernoulli"``, the paper's way (0.0176 realises 2%
        to 28% a sequence). None derives it from the mask rate; for 6-mers at 0.15 that is 0.0176.
    lookup : {"kmer", "position"}
        ``kmer`` is the method. ``position`` repeats the released programs, which take for the score of the
        token at position j that of the token whose *id* is j, so that their masks do not depend on the
        sequence. It needs 6-mers with one special token in front.

    Raises
    ------
    ConfigError
        There is no usable table, or a parameter is out of range.

    Examples
    --------
    CGT is the only 3-mer with a score, so wherever the centre falls on it, all of it is hidden:

    >>> from types import SimpleNamespace
    >>> from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer
    >>> scores = np.full(64, np.nan)
    >>> scores[0b011011] = 1.0
    >>> strategy = GeneMask(SimpleNamespace(k=3, scores=scores), center_rate=1.0)
    >>> batch = NucleotideTokenizer().encode_batch(["AACGTAA"])
    >>> genemask_from_centers(batch, [[4]], strategy.npmi)[0].astype(int).tolist()
    [0, 0, 0, 1, 1, 1, 0, 0, 0]
    """

    name: ClassVar[str] = "genemask"
    needs: ClassVar[tuple[str, ...]] = ("npmi",)

    npmi: Any = None
    center_rate: float | None = None
    lookup: Lookup = "kmer"

    def __post_init__(self) -> None:
        object.__setattr__(self, "npmi", RankTable.of(self.name, self.npmi))
        check_center_rate(self.name, self.center_rate)
        check_lookup(self.name, self.lookup)

    @property
    def reads_sequence(self) -> bool:
        """Whether the mask depends on the letters."""
        return self.lookup == "kmer"

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> BoolArray:
        """Return the mask, bool (B, L).

        Parameters
        ----------
        batch : TokenBatch of B examples
        key : RngKey of B examples
        budget : Budget
        """
        from dnamask_plugins.strategies.kernels import draw_centers, genemask_of_centers, select_genemask

        mask = empty_mask(batch)
        if budget.rate == 0:
            return mask
        arrays, per_nucleotide = kernel_arrays(batch, key), budget.per == "nucleotide"
        k, ranks, by_position = self.npmi.k, self.npmi.lookup_ranks(self.lookup), self.lookup == "position"
        if budget.draw == "exact" or budget.rate == 1:
            settings = budget.rate, per_nucleotide, k, ranks, by_position
            run_kernel(select_genemask, arrays, *settings, mask=mask)
            return mask
        center_rate = -1.0 if self.center_rate is None else self.center_rate
        centers = np.zeros(batch.nucleotides.shape, dtype=np.bool_)
        draw_centers(arrays, budget.rate, per_nucleotide, 1, k, center_rate, centers, mask)
        genemask_of_centers(arrays, centers, k, ranks, by_position, mask)
        return mask


def genemask_from_centers(
    batch: TokenBatch, centers: Sequence[Sequence[int]], npmi: object, lookup: Lookup = "kmer"
) -> BoolArray:
    """Return GeneMask's mask for given centres: no randomness and no budget.

    Parameters
    ----------
    batch : TokenBatch of B examples
    centers : sequence of B sequences of int
        Nucleotides, 0-based. The centre of the 6-mer that starts at s is s + 3.
    npmi : NpmiTable or path
    lookup : {"kmer", "position"}
        See `GeneMask`.

    Returns
    -------
    bool array, shape (B, L)

    Raises
    ------
    ConfigError
        There is no usable table.
    InputError
        A centre is outside its sequence.
    """
    from dnamask_plugins.strategies.kernels import genemask_of_centers

    scores = RankTable.of(GeneMask.name, npmi)
    check_lookup(GeneMask.name, lookup)
    chosen = np.zeros(batch.nucleotides.shape, dtype=np.bool_)
    for row, positions in enumerate(centers):
        places = np.asarray(positions, dtype=np.intp)
        if places.size and not 0 <= places.min() <= places.max() < batch.lengths[row]:
            raise InputError(
                f"centers of row {row}: {places.tolist()} count from 0 and must be among its "
                f"{batch.lengths[row]} nucleotides; correct them"
            )
        chosen[row, places] = True
    mask = empty_mask(batch)
    unused_key = RngKey(np.zeros(len(batch), dtype=np.uint64))
    arrays = kernel_arrays(batch.with_weights(None), unused_key)
    genemask_of_centers(arrays, chosen, scores.k, scores.lookup_ranks(lookup), lookup == "position", mask)
    return mask
