"""The streams of `splitmix` in compiled loops.

Keys are made here too: a batch has few examples, and NumPy spends most of its time on them to start a dozen
operations.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dnamask_plugins.compiled import njit
from dnamask_plugins.splitmix import GAMMA, ONE, fraction, mix64

mix_word: Any = njit(inline="always")(mix64)
_fraction: Any = njit(inline="always")(fraction)


@njit(nogil=True)
def number_at(word, index):  # type: ignore[no-untyped-def]
    """Return number `index` of the stream of a word, in [0, 1)."""
    return _fraction(mix_word(word + (np.uint64(index) + ONE) * GAMMA))


@njit(cache=True, nogil=True)
def example_words(ids, step_word):  # type: ignore[no-untyped-def]
    """Return the word of each example at a step, shape (B,), from its id as a word."""
    words = np.empty_like(ids)
    for row in range(ids.shape[0]):
        words[row] = mix_word(step_word + mix_word(ids[row] + GAMMA))
    return words


@njit(cache=True, nogil=True)
def salted_words(words, salt):  # type: ignore[no-untyped-def]
    """Return a word for each word and a salt, shape (B,)."""
    salted = np.empty_like(words)
    for row in range(words.shape[0]):
        salted[row] = mix_word(words[row] ^ salt)
    return salted
