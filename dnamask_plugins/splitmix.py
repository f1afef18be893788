"""SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): the hash behind every random number.

Number j of the stream of a word, from 0, is ``mix64(word + (j + 1) * GAMMA)``, its upper 53 bits read as a
fraction. `rng` draws from streams with NumPy, `streams` in compiled loops.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2: Final = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
ONE: Final = np.uint64(1)
_TO_UNIT: Final = 1.0 / (1 << 53)


def mix64(word: Any) -> Any:
    """Scramble a 64-bit word, or an array of them; plain enough for numba to compile."""
    word = (word ^ (word >> _30)) * _MULTIPLIER_1
    word = (word ^ (word >> _27)) * _MULTIPLIER_2
    return word ^ (word >> _31)


def fraction(word: Any) -> Any:
    """Turn a scrambled word, or an array of them, into a number in [0, 1)."""
    return (word >> _11) * _TO_UNIT
