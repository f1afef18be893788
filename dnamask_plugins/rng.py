"""Random numbers that depend on (seed, step, example id) and on nothing else.

A key is one 64-bit word per example; number j of a stream is a hash of key and j, so any number can be
drawn in any order, on any worker, in any batch. The hash is that of `splitmix`, so that the stream of a key
is the SplitMix64 sequence seeded with it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.splitmix import GAMMA, ONE, fraction, mix64


@functools.lru_cache(maxsize=1024)
def _salt(tag: str | int) -> np.uint64:
    """Return the word of a tag; a run folds in the same few tags at every step."""
    number = (
        int.from_bytes(hashlib.blake2b(tag.encode(), digest_size=8).digest(), "little")
        if isinstance(tag, str)
        else tag
    )
    return np.uint64(mix64(np.array([number & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64) ^ GAMMA)[0])


@functools.lru_cache(maxsize=1024)
def _step_word(seed: int, step: int) -> np.uint64:
    """Return the word of a seed and a step; a step masks several batches."""
    word = mix64(np.array([seed], dtype=np.int64).view(np.uint64) + GAMMA)
    return np.uint64(mix64(word ^ (np.array([step], dtype=np.int64).view(np.uint64) * GAMMA + ONE))[0])


@dataclass(frozen=True, eq=False)
class RngKey:
    """One stream of random numbers per example.

    Attributes
    ----------
    words : uint64 array, shape (B,)

    Examples
    --------
    The stream of an example does not depend on the batch it is in:

    >>> both = RngKey.from_step(seed=1, step=7, example_ids=[3, 4])
    >>> alone = RngKey.from_step(seed=1, step=7, example_ids=[4])
    >>> bool((both.uniform(5)[1] == alone.uniform(5)[0]).all())
    True
    """

    words: NDArray[np.uint64]

    @classmethod
    def from_step(cls, seed: int, step: int, example_ids: Sequence[int] | NDArray[np.int64]) -> RngKey:
        """Make the keys of a batch.

        Parameters
        ----------
        seed : int
            Seed of the run.
        step : int
            Optimizer step, from 0.
        example_ids : sequence of int, length B
            Identity of each example, whatever batch or process it is in.
        """
        from dnamask_plugins.streams import example_words

        ids = np.asarray(example_ids, dtype=np.int64).view(np.uint64)
        return cls(example_words(ids, _step_word(seed, step)))

    def __len__(self) -> int:
        return int(self.words.shape[0])

    def __getitem__(self, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> RngKey:
        return RngKey(self.words[rows])

    def fold_in(self, tag: str | int) -> RngKey:
        """Derive keys whose streams are independent of these; the same tag gives the same keys."""
        from dnamask_plugins.streams import salted_words

        return RngKey(salted_words(self.words, _salt(tag)))

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Draw the first `count` numbers of each stream, shape (B, count), in [0, 1)."""
        counter = np.arange(1, count + 1, dtype=np.uint64) * GAMMA
        words = mix64(self.words[:, None] + counter[None, :])
        return np.asarray(fraction(words), dtype=np.float64)

    def generator(self, row: int) -> np.random.Generator:
        """Return a NumPy generator for one example, for code that wants its methods."""
        return np.random.Generator(np.random.Philox(key=int(self.words[row])))
