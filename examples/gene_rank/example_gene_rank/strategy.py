"""A strategy that hides genes together with those they always come with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dnamask_plugins.budget import Budget
from dnamask_plugins.config import Configurable
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.rng import RngKey
from dnamask_plugins.types import BoolArray, TokenBatch


@dataclass(frozen=True)
class GeneModules(Configurable):
    """Hide a random gene and the present genes of greatest NPMI with it, until the budget is spent.

    What GeneMask does with the letters of a k-mer, done with the genes of a module: a gene is easy to guess
    while its companions are visible. The unit is a set of positions that need not be neighbours.

    Parameters
    ----------
    partners : mapping from id to list of ids
        For each gene the genes of NPMI above a threshold, best first (see `partners_of`). Keys are strings
        in JSON.
    size : int
        Genes in a unit at most.

    Raises
    ------
    ConfigError
        The size is below 1.
    """

    name: ClassVar[str] = "example.gene_modules"
    hides_nucleotides: ClassVar[bool] = False
    expected_failures: ClassVar[Mapping[str, str]] = {
        "nucleotide_budget_is_kept": "a gene is one token: a budget per nucleotide is taken per token",
    }
    partners: Any = ()
    size: int = 4

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"{self.name}: size {self.size!r} must be at least 1")
        pairs = {str(gene): [int(other) for other in others] for gene, others in dict(self.partners).items()}
        object.__setattr__(self, "partners", pairs)

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> BoolArray:
        """Return the mask, bool (B, L)."""
        mask = np.zeros(batch.input_ids.shape, dtype=bool)
        for row in range(len(batch)):
            self._select_row(batch, row, key.generator(row), budget.rate, mask[row])
        return mask

    def _select_row(
        self, batch: TokenBatch, row: int, rng: np.random.Generator, rate: float, mask: BoolArray
    ) -> None:
        columns = np.flatnonzero(~batch.special_tokens_mask[row])
        target = rate * columns.size
        # The fraction of a token is drawn, so that the expected number is the target.
        wanted = int(target) + (rng.random() < target - int(target))
        order = self._by_weight(batch, row, rng.permutation(columns), rng)
        column_of = {int(batch.input_ids[row, column]): int(column) for column in columns}
        for column in order.tolist():
            unit = [column]
            for other in self.partners.get(str(int(batch.input_ids[row, column])), ()):
                if len(unit) == self.size:
                    break
                if other in column_of and self._weight(batch, row, column_of[other]) > 0:
                    unit.append(column_of[other])
            for each in unit:
                if wanted <= 0:
                    return
                wanted -= not mask[each]
                mask[each] = True

    def _by_weight(
        self, batch: TokenBatch, row: int, columns: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Put columns off with probability 1 - weight."""
        if batch.weights is None:
            return columns
        weights = np.array([self._weight(batch, row, column) for column in columns.tolist()])
        put_off = rng.random(columns.size) >= weights
        return np.concatenate([columns[~put_off], columns[put_off]])

    @staticmethod
    def _weight(batch: TokenBatch, row: int, column: int) -> float:
        if batch.weights is None:
            return 1.0
        start, stop = batch.offsets[row, column]
        return float(batch.weights[row, start:stop].min(initial=1))


def partners_of(scores: np.ndarray, threshold: float = 0.3) -> dict[str, list[int]]:
    """Return for each id the ids of NPMI above a threshold, best first.

    Parameters
    ----------
    scores : float64 array, shape (V, V)
        From `cooccurrence_npmi`.
    threshold : float
    """
    partners = {}
    for gene, row in enumerate(scores):
        best = np.flatnonzero(row > threshold)
        if best.size:
            partners[str(gene)] = best[np.argsort(-row[best], kind="stable")].tolist()
    return partners
