"""Counts k-mers of every length up to k in one pass, in memory that does not grow with the genome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.compiled import njit
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.nucleotides import encode_letters, kmer_codes

Counts = NDArray[np.int64]
"""Counts of all k-mers of one length, shape (4**k,), by code: A C G T = 0 1 2 3, first letter highest."""

ALPHABET: Final = "ACGT"
LONGEST_K: Final = 12
"""4**12 counts take 128 MiB; longer k-mers need a sparse table."""


@njit(cache=True, nogil=True)
def _count(packed, k, code, run, full, heads):  # type: ignore[no-untyped-def]
    """Add the windows that end in `packed`; `code` and `run` carry on from the letters before it."""
    mask = (1 << (2 * k)) - 1
    size = packed.shape[0]
    position = 0
    while position < size:
        # The first k-1 letters of a run end no k-mer; counted apart, they make shorter k-mers exact.
        while position < size and run < k - 1:
            letter = packed[position] & 7
            position += 1
            if letter > 3:
                code, run = 0, 0
                continue
            code = (code << 2) | letter
            run += 1
            heads[(1 << (2 * run)) + code] += 1
        while position < size:
            letter = packed[position] & 7
            position += 1
            if letter > 3:
                code, run = 0, 0
                break
            code = ((code << 2) | letter) & mask
            full[code] += 1
    return code, run


class KmerCounter:
    """Counts windows of 1..k nucleotides that hold A, C, G and T only.

    Feed it a genome in pieces of any size; a window may cross from one piece to the next.

    Parameters
    ----------
    k : int
        Longest window, 1 to 12.

    Examples
    --------
    >>> counter = KmerCounter(2)
    >>> counter.feed(encode_letters("ACN")[0])
    >>> counter.end_sequence()
    >>> counter.feed(encode_letters("GAC")[0])
    >>> counts = counter.counts()
    >>> counts[1].tolist(), int(counts[2][0b0001])
    ([2, 2, 1, 0], 2)
    """

    def __init__(self, k: int) -> None:
        self.k = check_k(k, 1)
        self._full = np.zeros(4**k, dtype=np.int64)
        # Prefixes of runs, those of length j from index 4**j on.
        self._heads = np.zeros(2 * 4 ** (k - 1), dtype=np.int64)
        self._code, self._run = 0, 0

    def feed(self, packed: NDArray[np.uint8]) -> None:
        """Count a piece of a sequence.

        Parameters
        ----------
        packed : uint8 array
            Nucleotide codes; bits above the lowest three (a soft mask) are ignored.
        """
        self._code, self._run = _count(packed, self.k, self._code, self._run, self._full, self._heads)

    def end_sequence(self) -> None:
        """End the sequence: no window crosses to what is fed next."""
        self._code, self._run = 0, 0

    def counts(self) -> dict[int, Counts]:
        """Return the counts of every length from 1 to k."""
        found = {self.k: self._full.copy()}
        for length in range(self.k - 1, 0, -1):
            found[length] = marginal(found[length + 1]) + self._heads[4**length : 2 * 4**length]
        return found


def marginal(counts: Counts) -> Counts:
    """Count the windows one nucleotide shorter: the last letters of each window.

    Exact but for the first window of each run of A, C, G, T: no longer window ends with that one.
    """
    return np.asarray(counts.reshape(4, -1).sum(axis=0), dtype=np.int64)


def reverse_complement_index(k: int) -> NDArray[np.int64]:
    """Return the code of the reverse complement of every k-mer, shape (4**k,).

    Examples
    --------
    >>> reverse_complement_index(1).tolist()
    [3, 2, 1, 0]
    """
    rest = np.arange(4**k, dtype=np.int64)
    turned = np.zeros_like(rest)
    for _ in range(k):
        turned = (turned << 2) | (3 - (rest & 3))
        rest >>= 2
    return turned


def both_strands(counts: dict[int, Counts]) -> dict[int, Counts]:
    """Add the counts of the other strand."""
    return {length: table + table[reverse_complement_index(length)] for length, table in counts.items()}


def count_sequences(sequences: Iterable[str], k: int) -> dict[int, Counts]:
    """Count the k-mers of strings, of every length from 1 to k.

    Examples
    --------
    >>> int(count_sequences(["ACGT", "ACNGT"], 2)[2].sum())
    5
    """
    counter = KmerCounter(k)
    for sequence in sequences:
        counter.feed(encode_letters(sequence)[0])
        counter.end_sequence()
    return counter.counts()


def check_k(k: int, lowest: int = 2) -> int:
    """Return a usable k.

    Raises
    ------
    ConfigError
        It is outside `lowest`..12.
    """
    if not lowest <= k <= LONGEST_K:
        raise ConfigError(f"k = {k} is outside {lowest} to {LONGEST_K}; the papers use 6")
    return k


def kmer_names(k: int) -> list[str]:
    """Return every k-mer in code order.

    Examples
    --------
    >>> kmer_names(2)[:5]
    ['AA', 'AC', 'AG', 'AT', 'CA']
    """
    names = [""]
    for _ in range(k):
        names = [name + letter for name in names for letter in "ACGT"]
    return names


def kmer_code(kmer: str) -> int:
    """Return the code of one k-mer over A, C, G, T: its place in the arrays of a table.

    Examples
    --------
    >>> kmer_code("ACG")
    6
    """
    return int(kmer_codes(encode_letters(kmer)[0], len(kmer))[0])


def with_marginals(counts: Counts, k: int, shorter: Mapping[int, Counts]) -> dict[int, Counts]:
    """Return counts of every length from 1 to k; lengths that are not given are marginals of the next longer.

    Raises
    ------
    ConfigError
        `counts` are not those of all k-mers.
    """
    tables = {k: np.asarray(counts, dtype=np.int64)}
    if tables[k].shape != (4**k,):
        raise ConfigError(f"counts have shape {tables[k].shape}; k = {k} needs ({4**k},)")
    for length in range(k - 1, 0, -1):
        table = shorter[length] if length in shorter else marginal(tables[length + 1])
        tables[length] = np.asarray(table, dtype=np.int64)
    return tables
