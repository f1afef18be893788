"""From a spec to a masked batch: an example draws its strategy, that selects, corruption replaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.budget import Budget
from dnamask_plugins.compiled import njit
from dnamask_plugins.corruption import Corruption
from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.guard import MaskedAt, guarded_select
from dnamask_plugins.protocols import MaskingStrategy
from dnamask_plugins.rng import RngKey
from dnamask_plugins.streams import number_at
from dnamask_plugins.types import BoolArray, MaskSpec, TokenBatch


def draw_component(shares: NDArray[np.float64], key: RngKey) -> NDArray[np.intp]:
    """Draw one of several components per example, with the given shares; shape (B,)."""
    return np.asarray(_components(key.fold_in("component").words, np.cumsum(shares)), dtype=np.intp)


@njit(cache=True, nogil=True)
def _components(words, edges):  # type: ignore[no-untyped-def]
    components = np.empty(words.shape[0], np.int64)
    for row in range(words.shape[0]):
        draw = number_at(words[row], 0) * edges[-1]
        # The last edge is not looked at, so that a draw that rounds up to it still finds a component.
        components[row] = np.searchsorted(edges[:-1], draw, side="right")
    return components


def select_mixture(
    strategies: list[MaskingStrategy],
    shares: NDArray[np.float64],
    batch: TokenBatch,
    key: RngKey,
    budget: Budget,
    where: object = "",
) -> BoolArray:
    """Let each example draw one strategy and select with it, bool (B, L)."""
    if len(strategies) == 1:
        return guarded_select(strategies[0], batch, key, budget, where)
    component = draw_component(shares, key)
    mask = np.zeros(batch.shape, dtype=bool)
    for index, strategy in enumerate(strategies):
        rows = np.flatnonzero(component == index)
        if rows.size:
            mask[rows] = guarded_select(strategy, batch[rows], key[rows], budget, where)
    return mask


@dataclass(frozen=True, eq=False)
class MaskedBatch:
    """A batch as the model takes it.

    Attributes
    ----------
    input_ids, labels : int64 arrays, shape (B, L)
    attention_mask : bool array, shape (B, L)
    mask : bool array, shape (B, L)
        The selected tokens.
    """

    input_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    attention_mask: BoolArray
    mask: BoolArray


@dataclass(frozen=True, eq=False)
class Masker:
    """Masks batches: the same (seed, step, example id) always gives the same mask and replacements.

    Attributes
    ----------
    strategies : mapping from name to strategy
        Every strategy that a spec may name.
    corruption : Corruption
    seed : int
    per, draw
        See `Budget`.
    """

    strategies: Mapping[str, MaskingStrategy]
    corruption: Corruption
    seed: int = 0
    per: Literal["token", "nucleotide"] = "token"
    draw: Literal["exact", "bernoulli"] = "exact"

    def __post_init__(self) -> None:
        Budget(0.15, self.per, self.draw)  # refuses unknown words now rather than at the first step

    def select(self, batch: TokenBatch, spec: MaskSpec, key: RngKey, where: object = "") -> BoolArray:
        """Select the tokens to predict, bool (B, L); `where` enters the message about a faulty plugin."""
        chosen = []
        for name, _ in spec.weights:
            if name not in self.strategies:
                raise ConfigError(f"the curriculum names strategy '{name}'; {suggest(name, self.strategies)}")
            chosen.append(self.strategies[name])
        shares = np.array([share for _, share in spec.weights])
        budget = Budget(spec.mask_rate, self.per, self.draw)
        return select_mixture(chosen, shares, batch, key, budget, where)

    def __call__(
        self, batch: TokenBatch, spec: MaskSpec, step: int, example_ids: NDArray[np.int64]
    ) -> MaskedBatch:
        """Select, corrupt and label a batch.

        Parameters
        ----------
        batch : TokenBatch of B examples
        spec : MaskSpec
        step : int
            Optimizer step.
        example_ids : int64 array, shape (B,)
        """
        key = RngKey.from_step(self.seed, step, example_ids)
        mask = self.select(batch, spec, key.fold_in("select"), MaskedAt(step, example_ids))
        input_ids, labels = self.corruption(batch.input_ids, mask, key.fold_in("corrupt"))
        return MaskedBatch(input_ids, labels, batch.attention_mask, mask)
