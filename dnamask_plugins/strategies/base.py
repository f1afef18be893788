"""The usual base class of a strategy: say which nucleotides to hide, in which order, and it does the rest."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.budget import Budget
from dnamask_plugins.config import Configurable
from dnamask_plugins.errors import PluginError
from dnamask_plugins.nucleotides import decode_codes
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.arrays import empty_mask, kernel_arrays
from dnamask_plugins.types import BoolArray, TokenBatch

_Scalar = TypeVar("_Scalar", bound=np.generic)

_FIRST_DEMAND: Final = 64
_LAST_DEMAND_PER_NUCLEOTIDE: Final = 16


@dataclass(frozen=True, eq=False)
class SequenceView:
    """One sequence as a strategy sees it.

    Attributes
    ----------
    codes : uint8 array, shape (n,)
        A C G T = 0 1 2 3, anything else 4. Read only.
    weights : float32 array, shape (n,), or None
        Weights of the nucleotides, applied by the base class; here to look at.
    """

    codes: NDArray[np.uint8]
    weights: NDArray[np.float32] | None

    @property
    def length(self) -> int:
        """Nucleotides in the sequence, n."""
        return int(self.codes.size)

    @functools.cached_property
    def text(self) -> str:
        """The sequence in upper-case letters, N for anything but A, C, G, T."""
        return decode_codes(self.codes)


@dataclass(frozen=True)
class NucleotideStrategy(Configurable):
    """Base of strategies that hide nucleotides; a subclass writes `units` and sets `name`.

    The units are hidden one after the other, each by masking every token that shows any of it, until the
    budget is spent; the unit that would cross the target is kept with the probability that makes the
    expected size equal to the target. So the strategy works with every tokenizer and leaks nothing.
    `TokenBatch.weights` are applied here: a unit of weight w is moved to the end with probability 1 - w.
    When the units run out, random single nucleotides spend the rest, so that the mask rate that the
    curriculum asked for holds in every sequence; a subclass that would rather stop short sets
    ``fill_up = False``. Ordered units have no independent draw: ``draw="bernoulli"`` is taken as exact.

    Examples
    --------
    A strategy that hides CpG first:

    >>> import re
    >>> class CpG(NucleotideStrategy):
    ...     name = "acme.cpg"
    ...     def units(self, sequence, rng):
    ...         return [match.span() for match in re.finditer("CG", sequence.text)]
    >>> from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer
    >>> batch = NucleotideTokenizer().encode_batch(["AACGAAAAAA"])
    >>> CpG().select(batch, RngKey.from_step(0, 0, [0]), Budget(0.2))[0, 1:-1].astype(int).tolist()
    [0, 0, 1, 1, 0, 0, 0, 0, 0, 0]
    """

    fill_up: ClassVar[bool] = True

    def units(self, sequence: SequenceView, rng: np.random.Generator) -> Iterable[tuple[int, int]]:
        """Return nucleotide intervals (start, stop), 0-based and half-open, in order of preference.

        Parameters
        ----------
        sequence : SequenceView
        rng : numpy Generator
            That of this example: the only source of randomness to use.

        Returns
        -------
        iterable of (int, int)
            May be lazy, may repeat and overlap, may be endless.
        """
        raise NotImplementedError(f"{type(self).__name__} must say which nucleotides to hide: write units()")

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> BoolArray:
        """Return the mask, bool (B, L).

        Parameters
        ----------
        batch : TokenBatch of B examples
        key : RngKey of B examples
        budget : Budget

        Raises
        ------
        PluginError
            A unit is no interval of the sequence.
        """
        from dnamask_plugins.strategies.kernels import select_units

        mask = empty_mask(batch)
        if budget.rate == 0:
            return mask
        arrays, codes = kernel_arrays(batch, key), batch.nucleotides
        for row in range(len(batch)):
            length = int(batch.lengths[row])
            view = SequenceView(_read_only(codes[row, :length]), self._weights_of(batch, row, length))
            source = iter(self.units(view, key.generator(row)))
            limit = _LAST_DEMAND_PER_NUCLEOTIDE * length + _FIRST_DEMAND
            wanted, taken, spent = _FIRST_DEMAND, np.empty((0, 2), dtype=np.int64), False
            while not spent:
                more = self._intervals(islice(source, min(wanted, limit - len(taken))), length)
                taken = np.concatenate([taken, more])
                mask[row] = False
                spent = select_units(
                    arrays,
                    row,
                    budget.rate,
                    budget.per == "nucleotide",
                    taken,
                    len(more) == wanted and len(taken) < limit,
                    self.fill_up,
                    mask,
                )
                wanted = len(taken)
        return mask

    @staticmethod
    def _weights_of(batch: TokenBatch, row: int, length: int) -> NDArray[np.float32] | None:
        return None if batch.weights is None else _read_only(batch.weights[row, :length])

    def _intervals(self, units: Iterable[tuple[int, int]], length: int) -> NDArray[np.int64]:
        chosen = list(units)
        for unit in chosen:
            try:
                start, stop = unit
                usable = 0 <= start < stop <= length and start == int(start) and stop == int(stop)
            except (TypeError, ValueError):
                usable = False
            if not usable:
                raise PluginError(
                    f"strategy '{self.name}': unit {unit!r} is no interval (start, stop) of a sequence "
                    f"of {length} nucleotides; units() must give 0 <= start < stop <= length"
                )
        return np.array(chosen, dtype=np.int64).reshape(-1, 2)


def _read_only(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    view = array.view()
    view.flags.writeable = False
    return view
