"""Windows of k nucleotides as numbers, and their ranks.

Worked example, k = 3: in base 4 ACG is 012, which is 6. When T follows, a digit is added, 0123, and the last
three are kept, 123: the window is CGT now, and its code 27.

Codes are unsigned, because numba asks of any other index whether it is negative.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dnamask_plugins.compiled import njit

_TWO: Final = np.uint64(2)

NO_CODE: Final = np.uint64(0)
"""Where reading begins."""


@njit(nogil=True)
def last_code(k):  # type: ignore[no-untyped-def]
    """Return the highest code of k nucleotides, 4**k - 1."""
    return np.uint64((1 << 2 * k) - 1)


@njit(nogil=True)
def next_code(code, letter, last):  # type: ignore[no-untyped-def]
    """Return the code of the window that ends with a letter, from that of the window one before."""
    return ((code << _TWO) + np.uint64(letter)) & last


@njit(nogil=True)
def position_rank(start, ranks):  # type: ignore[no-untyped-def]
    """Return the rank that the released programs take for the window at `start`."""
    return ranks[start] if start < ranks.shape[0] else 0
