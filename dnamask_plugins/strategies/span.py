"""Random spans of nucleotides: the masking of DNABERT and LOGO, and SpanBERT's lengths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dnamask_plugins.budget import Budget
from dnamask_plugins.config import Configurable
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.arrays import empty_mask, kernel_arrays, run_kernel
from dnamask_plugins.strategies.centers import check_center_rate
from dnamask_plugins.types import BoolArray, TokenBatch

LONGEST_SPAN = 10
"""Where SpanBERT cuts geometric lengths."""


@dataclass(frozen=True)
class Span(Configurable):
    """Draws nucleotides and hides a span around each: every token that shows any of it is masked.

    Length 1 on 6-mers masks six neighbouring tokens, as DNABERT does (Ji et al., 2021; tokens -2..+3 of a
    centre). DNABERT's centre rate of 0.025 realises 0.140 of the tokens, not 0.15; here the budget is exact
    unless ``draw="bernoulli"`` is asked for.

    Attributes
    ----------
    length : int
        Nucleotides of a span; the mean length when `geometric`.
    geometric : bool
        Draw lengths from a geometric distribution cut at 10 (Joshi et al., TACL 2020, section 3.1, where the
        mean before the cut is 5).
    center_rate : float or None
        Chance of a nucleotide to be a centre when ``draw="bernoulli"``. None derives it from the mask rate
        (0.15 / 6 = 0.025 for 6-mers).

    Examples
    --------
    >>> from dnamask_plugins.tokenizers.kmer import KmerTokenizer
    >>> batch = KmerTokenizer(3).encode_batch(["ACGTACGTAC"])
    >>> mask = Span().select(batch, RngKey.from_step(0, 0, [0]), Budget(0.3))  # a centre at the end
    >>> import numpy as np
    >>> np.flatnonzero(mask[0]).tolist()
    [7, 8]
    """

    name: ClassVar[str] = "span"
    reads_sequence: ClassVar[bool] = False

    length: int = 1
    geometric: bool = False
    center_rate: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.length, int) or self.length < 1:
            raise ConfigError(
                f"span: length {self.length!r} must be a whole number of nucleotides from 1; DNABERT's is 1"
            )
        check_center_rate(self.name, self.center_rate)

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> BoolArray:
        """Return the mask, bool (B, L).

        Parameters
        ----------
        batch : TokenBatch of B examples
        key : RngKey of B examples
        budget : Budget
        """
        from dnamask_plugins.strategies.kernels import select_items

        mask = empty_mask(batch)
        if budget.rate == 0:
            return mask
        run_kernel(
            select_items,
            kernel_arrays(batch, key),
            budget.rate,
            budget.per == "nucleotide",
            budget.draw == "exact" or budget.rate == 1,
            self.length,
            LONGEST_SPAN if self.geometric else 0,
            -1.0 if self.center_rate is None else self.center_rate,
            mask=mask,
        )
        return mask
