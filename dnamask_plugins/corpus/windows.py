"""Cuts windows from a corpus: each one a function of (seed, example id), uniform over everywhere it fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.compiled import njit
from dnamask_plugins.corpus.split import Regions
from dnamask_plugins.corpus.store import CorpusStore, nibble
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.nucleotides import PADDING
from dnamask_plugins.rng import RngKey
from dnamask_plugins.streams import number_at
from dnamask_plugins.types import NucleotideBatch


@njit(cache=True, nogil=True)
def _draw(  # type: ignore[no-untyped-def]
    words, length, start, prefix, full_length, full_share, min_length, strand_share, begins, lengths, turned
):
    """Draw length, place and strand of windows; regions come longest first, `prefix` sums lengths."""
    for row in range(words.shape[0]):
        word = words[row]
        share = number_at(word, 0)
        size = full_length
        if share >= full_share:
            spread = number_at(word, 1)
            size = min_length + int(spread * (full_length - min_length + 1))
        # The window fits into the first `fitting` regions: they are sorted by length.
        low, high = 0, length.shape[0]
        while low < high:
            middle = (low + high) >> 1
            if length[middle] >= size:
                low = middle + 1
            else:
                high = middle
        fitting = low
        places = prefix[fitting] - fitting * (size - 1)
        place = int(number_at(word, 2) * places)
        low, high = 0, fitting - 1
        while low < high:
            middle = (low + high) >> 1
            if prefix[middle + 1] - (middle + 1) * (size - 1) > place:
                high = middle
            else:
                low = middle + 1
        begins[row] = start[low] + place - (prefix[low] - low * (size - 1))
        lengths[row] = size
        turned[row] = number_at(word, 3) < strand_share


@njit(cache=True, nogil=True)
def _fill(store, begins, lengths, turned, codes, soft):  # type: ignore[no-untyped-def]
    for row in range(begins.shape[0]):
        size = lengths[row]
        if turned[row]:
            for index in range(size):
                value = nibble(store, begins[row] + size - 1 - index)
                codes[row, index] = 3 - (value & 3)
                soft[row, index] = value > 3
        else:
            for index in range(size):
                value = nibble(store, begins[row] + index)
                codes[row, index] = value & 3
                soft[row, index] = value > 3
        for index in range(size, codes.shape[1]):
            codes[row, index] = PADDING
            soft[row, index] = False


def cut_windows(
    store: CorpusStore,
    begins: NDArray[np.int64],
    lengths: NDArray[np.int32],
    turned: NDArray[np.bool_] | None = None,
) -> NucleotideBatch:
    """Read windows at given places.

    Parameters
    ----------
    store : CorpusStore
    begins : int64 array, shape (B,)
        Positions in the store.
    lengths : int32 array, shape (B,)
    turned : bool array, shape (B,), optional
        True = the reverse complement.

    Raises
    ------
    InputError
        The file of the store was cut short since it was opened.
    """
    store.check_size()
    width = int(lengths.max(initial=0))
    codes = np.empty((begins.size, width), dtype=np.uint8)
    soft = np.empty((begins.size, width), dtype=np.bool_)
    if turned is None:
        turned = np.zeros(begins.size, dtype=np.bool_)
    _fill(store.nibbles, begins, lengths, turned, codes, soft)
    return NucleotideBatch(codes, lengths, soft)


class WindowSampler:
    """Samples windows as in the papers' recipe: half of them full length, half uniform in 5..510.

    Every place where a window of the drawn length fits is equally likely. A window depends on the
    seed and its example id, not on the batch, the process or what was drawn before.

    Parameters
    ----------
    store : CorpusStore
    split : {"train", "validation"}
    seed : int
    full_length : int
        Nucleotides of a full window.
    full_share : float
        Share of full windows, in [0, 1]; the other windows are uniform in `min_length`..`full_length`.
    min_length : int
    reverse_complement : float
        Probability of reading the other strand, in [0, 1]; 0.5 makes both strands alike.

    Raises
    ------
    ConfigError
        A parameter is out of range.
    InputError
        No region of the split is as long as a full window.

    Examples
    --------
    >>> sampler = WindowSampler(store, seed=1)  # doctest: +SKIP
    >>> sampler([17, 18]).codes.shape  # doctest: +SKIP
    (2, 510)
    """

    def __init__(
        self,
        store: CorpusStore,
        split: str = "train",
        seed: int = 0,
        *,
        full_length: int = 510,
        full_share: float = 0.5,
        min_length: int = 5,
        reverse_complement: float = 0.0,
    ) -> None:
        if not 1 <= min_length <= full_length:
            raise ConfigError(
                f"window lengths {min_length} to {full_length} are no range; the papers use 5 to 510"
            )
        for name, share in (("full_share", full_share), ("reverse_complement", reverse_complement)):
            if not 0 <= share <= 1:
                raise ConfigError(f"{name} {share:g} is outside [0, 1]; 0.5 is usual")
        self.store, self.seed = store, seed
        self.full_length, self.full_share = full_length, full_share
        self.min_length, self.reverse_complement = min_length, reverse_complement
        regions = _fitting(store, split, full_length)
        order = np.argsort(-regions.length, kind="stable")
        self._start, self._length = regions.start[order], regions.length[order]
        self._prefix = np.concatenate([[0], np.cumsum(self._length)]).astype(np.int64)

    def __call__(self, example_ids: Sequence[int] | NDArray[np.int64]) -> NucleotideBatch:
        """Cut the windows of some examples.

        Parameters
        ----------
        example_ids : sequence of int, length B

        Returns
        -------
        NucleotideBatch
            As wide as its longest window.
        """
        return cut_windows(self.store, *self.places(example_ids))

    def places(
        self, example_ids: Sequence[int] | NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.bool_]]:
        """Draw where the windows of some examples lie.

        Returns
        -------
        begins : int64 array, shape (B,)
            Positions in the store.
        lengths : int32 array, shape (B,)
        turned : bool array, shape (B,)
            True = the reverse complement.
        """
        words = RngKey.from_step(self.seed, 0, example_ids).fold_in("window").words
        begins = np.empty(words.size, dtype=np.int64)
        lengths = np.empty(words.size, dtype=np.int32)
        turned = np.empty(words.size, dtype=np.bool_)
        _draw(
            words,
            self._length,
            self._start,
            self._prefix,
            self.full_length,
            self.full_share,
            self.min_length,
            self.reverse_complement,
            begins,
            lengths,
            turned,
        )
        return begins, lengths, turned


def validation_windows(store: CorpusStore, count: int, length: int = 510) -> NucleotideBatch:
    """Return a fixed set of windows, evenly spread over the validation split.

    Parameters
    ----------
    store : CorpusStore
    count : int
        Windows wanted; fewer come back only where the split has fewer places for a window.
    length : int
        Nucleotides of each.

    Raises
    ------
    InputError
        No validation region is as long as a window.
    """
    if count < 1:
        raise ConfigError(f"{count} validation windows are too few; give at least 1")
    regions = _fitting(store, "validation", length)
    places = np.maximum(regions.length - length + 1, 0)
    edges = np.concatenate([[0], np.cumsum(places)])
    count = min(count, int(edges[-1]))
    chosen = ((2 * np.arange(count, dtype=np.int64) + 1) * edges[-1]) // (2 * count)
    region = np.searchsorted(edges, chosen, side="right") - 1
    begins = regions.start[region] + chosen - edges[region]
    return cut_windows(store, begins, np.full(count, length, dtype=np.int32))


def _fitting(store: CorpusStore, split: str, length: int) -> Regions:
    if length < 1:
        raise ConfigError(f"window length {length} is below 1; the papers use 510")
    regions = store.split(split)
    longest = int(regions.length.max(initial=0))
    if longest < length:
        raise InputError(
            f"{store.folder}: the longest {split} region has {longest} nucleotides, a window needs {length}; "
            "take shorter windows or a larger genome"
        )
    return regions
