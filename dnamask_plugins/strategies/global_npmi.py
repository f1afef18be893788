"""GLOBAL: hide the best-scored k-mers of the sequence, best first."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.budget import Budget
from dnamask_plugins.config import Configurable
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.arrays import empty_mask, kernel_arrays, run_kernel
from dnamask_plugins.strategies.centers import check_center_rate
from dnamask_plugins.strategies.genemask import Lookup
from dnamask_plugins.strategies.rank_table import RankTable, check_lookup
from dnamask_plugins.types import BoolArray, TokenBatch

_LARGEST_EXPONENT: Final = 690.0
"""exp() of more than this does not fit the order of the race into a float."""


@dataclass(frozen=True)
class GlobalNpmi(Configurable):
    """Ranks all windows of k nucleotides by NPMI (ties: earlier first) and hides them from the top down.

    Roy et al., ECAI 2024, section 3 (GLOBAL, the hard stage of CM-GEMS). At temperature 0, as in the paper,
    a sequence gets the same mask every time it is seen: the key plays no part as long as scored windows last,
    and whether the last unit of an exact budget is kept is drawn from the sequence's own letters.

    Attributes
    ----------
    npmi : NpmiTable or path
        Scores of all k-mers. A window without a score, or with an unknown letter, is never hidden whole; when
        no other is left, the rest of an exact budget is spent on random single nucleotides.
    temperature : float
        Gumbel noise of this scale is added to the scores before they are ranked (Kool et al., ICML 2019).
    units : int or None
        Hide this many windows, whatever the budget says. Windows overlap, so that they mask fewer than 11
        6-mers each.
    center_rate : float or None
        With ``draw="bernoulli"`` the number of windows is that of centres drawn at this rate, as in the
        released program. None derives it from the mask rate (0.15 / 11 = 0.0136 for 6-mers).
    lookup : {"kmer", "position"}
        See `GeneMask`. With ``position`` every sequence of one length gets the same mask, but for the last
        unit of an exact budget, which the key keeps or leaves out.

    Raises
    ------
    ConfigError
        There is no usable table, or a parameter is out of range.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer
    >>> scores = np.arange(64.0)  # TTT scores highest, then TTG
    >>> strategy = GlobalNpmi(SimpleNamespace(k=3, scores=scores), units=1)
    >>> batch = NucleotideTokenizer().encode_batch(["ACTTGAC"])
    >>> strategy.select(batch, RngKey.from_step(0, 0, [0]), Budget(0.15))[0].astype(int).tolist()
    [0, 0, 0, 1, 1, 1, 0, 0, 0]
    """

    name: ClassVar[str] = "global_npmi"
    needs: ClassVar[tuple[str, ...]] = ("npmi",)

    npmi: Any = None
    temperature: float = 0.0
    units: int | None = None
    center_rate: float | None = None
    lookup: Lookup = "kmer"

    def __post_init__(self) -> None:
        object.__setattr__(self, "npmi", RankTable.of(self.name, self.npmi))
        check_center_rate(self.name, self.center_rate)
        check_lookup(self.name, self.lookup)
        if not 0 <= self.temperature < np.inf:
            raise ConfigError(
                f"{self.name}: temperature {self.temperature:g} must be at least 0; 0 is the paper's"
            )
        if self.units is not None and self.units < 0:
            raise ConfigError(
                f"{self.name}: units {self.units} must be at least 0; leave it out to follow the mask rate"
            )
        if self.temperature == 0:
            return
        if self.lookup == "position":
            raise ConfigError(
                f"{self.name}: lookup='position' repeats a program that has no temperature; use 0"
            )
        coldest = self._score_range() / _LARGEST_EXPONENT
        if self.temperature < coldest:
            raise ConfigError(
                f"{self.name}: temperature {self.temperature:g} is as good as 0; "
                f"use 0, or at least {coldest:.2g}"
            )

    def _score_range(self) -> float:
        scored = self.npmi.scores[~np.isnan(self.npmi.scores)]
        return float(np.ptp(scored)) if scored.size else 0.0

    @functools.cached_property
    def _slowness(self) -> NDArray[np.float64]:
        """exp((best - score) / temperature) by k-mer, -1 without a score; empty at temperature 0."""
        if self.temperature == 0 or np.isnan(self.npmi.scores).all():
            return np.empty(0)
        gaps = np.nanmax(self.npmi.scores) - self.npmi.scores
        return np.asarray(np.nan_to_num(np.exp(gaps / self.temperature), nan=-1.0), dtype=np.float64)

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
        from dnamask_plugins.strategies.kernels import draw_centers, select_global

        mask = empty_mask(batch)
        if budget.rate == 0:
            return mask
        arrays, per_nucleotide, k = kernel_arrays(batch, key), budget.per == "nucleotide", self.npmi.k
        scores = k, self.npmi.lookup_ranks(self.lookup), self.lookup == "position", self._slowness
        units = np.empty(0, dtype=np.int64)
        if self.units is not None:
            units = np.full(len(batch), self.units, dtype=np.int64)
        elif budget.draw == "bernoulli" and budget.rate < 1:
            center_rate = -1.0 if self.center_rate is None else self.center_rate
            centers = np.zeros(batch.nucleotides.shape, dtype=np.bool_)
            counted = kernel_arrays(batch, key.fold_in("units"))
            draw_centers(counted, budget.rate, per_nucleotide, k, k, center_rate, centers, mask)
            units = centers.sum(axis=1)
        if units.size:
            select_global(arrays, budget.rate, per_nucleotide, scores, units, mask)
        else:
            run_kernel(select_global, arrays, budget.rate, per_nucleotide, scores, units, mask=mask)
        return mask
