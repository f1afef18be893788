"""Independent random tokens: BERT's masking, the baseline for tokens that do not overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dnamask_plugins.budget import Budget
from dnamask_plugins.config import Configurable
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.arrays import empty_mask, kernel_arrays, run_kernel
from dnamask_plugins.types import BoolArray, TokenBatch


@dataclass(frozen=True)
class RandomToken(Configurable):
    """Each token is as likely as any other (Devlin et al., NAACL 2019, section 3.1).

    An exact budget draws a random subset of the budget's size; ``draw="bernoulli"`` draws each token
    independently. On overlapping k-mers this leaks: the neighbours of a lone masked 6-mer show all of it.
    A token with an unknown letter is drawn only when no other is left.

    Examples
    --------
    >>> from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer
    >>> batch = NucleotideTokenizer().encode_batch(["ACGTACGTAC"])
    >>> mask = RandomToken().select(batch, RngKey.from_step(0, 0, [0]), Budget(0.3))
    >>> int(mask.sum())
    3
    """

    name: ClassVar[str] = "random_token"
    hides_nucleotides: ClassVar[bool] = False
    """It selects tokens, whether or not their neighbours show the same nucleotides."""
    reads_sequence: ClassVar[bool] = False

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
        per_nucleotide = budget.per == "nucleotide"
        exact = budget.draw == "exact" or budget.rate == 1
        settings = budget.rate, per_nucleotide, exact, 0, 0, -1.0
        run_kernel(select_items, kernel_arrays(batch, key), *settings, mask=mask)
        return mask
