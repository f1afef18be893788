"""Which sequences occur in a genome, exactly, on either strand: one pass for any number of them.

Each sequence is found by one seed of up to 32 nucleotides, packed into 64 bits without loss; the corpus is
rolled over once, seeds that hit are looked up by bisection and the whole sequence is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.compiled import njit
from dnamask_plugins.corpus.fasta import BLOCK, CODE_BITS, FastaSource
from dnamask_plugins.nucleotides import complement, encode_letters
from dnamask_plugins.splitmix import mix64
from dnamask_plugins.streams import mix_word

_LONGEST_SEED: Final = 32
_SHORTEST_SEED: Final = 12


@dataclass(frozen=True, eq=False)
class Occurrences:
    """What a search found.

    Attributes
    ----------
    found : bool array, shape (n,)
        True for sequences that occur in the corpus.
    searchable : bool array, shape (n,)
        False for sequences that are too short, or hold no long enough stretch of A, C, G, T.
    nucleotides : int
        Size of the corpus.
    """

    found: NDArray[np.bool_]
    searchable: NDArray[np.bool_]
    nucleotides: int


def find_occurrences(
    sequences: Sequence[str],
    paths: Iterable[Path],
    progress: Callable[[int], Any] | None = None,
    block: int = BLOCK,
) -> Occurrences:
    """Search sequences in FASTA files.

    Parameters
    ----------
    sequences : sequence of str, length n
    paths : iterable of Path
        FASTA files, plain or gzipped.
    progress : callable, optional
        Called with the number of nucleotides just read.
    block : int
        Bytes read at a time.

    Returns
    -------
    Occurrences

    Raises
    ------
    InputError
        A file is no FASTA.
    """
    index = _Index.build(sequences)
    nucleotides = 0
    for path in paths:
        tail = np.empty(0, dtype=np.uint8)
        record = -1
        for chunk in FastaSource(path).chunks(block):
            codes = np.asarray(chunk.packed & CODE_BITS, dtype=np.uint8)
            # The end of the piece before is searched again, so that nothing is lost at the seams.
            tail = tail if chunk.record == record else codes[:0]
            record = chunk.record
            window = np.concatenate([tail, codes])
            index.scan(window)
            tail = window[max(window.size - index.longest + 1, 0) :]
            nucleotides += codes.size
            if progress is not None:
                progress(codes.size)
    found = np.zeros(len(sequences), dtype=bool)
    np.logical_or.at(found, index.owner, index.hit)
    searchable = np.zeros(len(sequences), dtype=bool)
    searchable[index.owner] = True
    return Occurrences(found, searchable, nucleotides)


@dataclass(eq=False)
class _Index:
    """Both strands of every searchable sequence, in the order of their seeds."""

    seed: int
    longest: int
    words: NDArray[np.uint64]
    owner: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    offsets: NDArray[np.int64]
    letters: NDArray[np.uint8]
    seen: NDArray[np.bool_]
    hit: NDArray[np.bool_]

    @classmethod
    def build(cls, sequences: Sequence[str]) -> _Index:
        lengths = [len(sequence) for sequence in sequences if len(sequence) >= _SHORTEST_SEED]
        seed = min(_LONGEST_SEED, min(lengths, default=_LONGEST_SEED))
        rows = []
        for owner, sequence in enumerate(sequences):
            codes, _ = encode_letters(sequence)
            if codes.size < seed:
                continue
            for strand in (codes, complement(codes)[::-1]):
                offset = _clean_stretch(strand, seed)
                if offset >= 0:
                    rows.append((owner, offset, strand))
        words = np.array(
            [_pack(strand[offset : offset + seed]) for _, offset, strand in rows], dtype=np.uint64
        )
        order = np.argsort(words, kind="stable")
        rows = [rows[place] for place in order]
        sizes = np.array([strand.size for _, _, strand in rows], dtype=np.int64)
        slots = 1 << max(10, int(np.ceil(np.log2(max(len(rows), 1) * 16))))
        seen = np.zeros(slots, dtype=bool)
        with np.errstate(over="ignore"):
            seen[(mix64(words) & np.uint64(slots - 1)).astype(np.int64)] = True
        return cls(
            seed,
            int(sizes.max(initial=seed)),
            words[order],
            np.array([owner for owner, _, _ in rows], dtype=np.int64),
            np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
            if rows
            else np.empty(0, dtype=np.int64),
            sizes,
            np.array([offset for _, offset, _ in rows], dtype=np.int64),
            np.concatenate([strand for _, _, strand in rows]) if rows else np.empty(0, dtype=np.uint8),
            seen,
            np.zeros(len(rows), dtype=bool),
        )

    def scan(self, codes: NDArray[np.uint8]) -> None:
        _scan(
            codes,
            self.seed,
            self.words,
            self.starts,
            self.lengths,
            self.offsets,
            self.letters,
            self.seen,
            self.hit,
        )


def _clean_stretch(codes: NDArray[np.uint8], seed: int) -> int:
    """Return where the first `seed` letters without an N begin, or -1."""
    bad = np.flatnonzero(codes > 3)
    edges = np.concatenate([[-1], bad, [codes.size]])
    gaps = np.flatnonzero(np.diff(edges) > seed)
    return int(edges[gaps[0]]) + 1 if gaps.size else -1


@njit(cache=True, nogil=True)
def _pack(codes):  # type: ignore[no-untyped-def]
    word = np.uint64(0)
    for code in codes:
        word = (word << np.uint64(2)) | np.uint64(code)
    return word


@njit(cache=True, nogil=True)
def _scan(codes, seed, words, starts, lengths, offsets, letters, seen, hit):  # type: ignore[no-untyped-def]
    keep = (
        np.uint64(0xFFFFFFFFFFFFFFFF) if seed == 32 else (np.uint64(1) << np.uint64(2 * seed)) - np.uint64(1)
    )
    mask = np.uint64(seen.size - 1)
    word = np.uint64(0)
    run = 0
    for position in range(codes.size):
        code = codes[position]
        if code > 3:
            run = 0
            continue
        word = ((word << np.uint64(2)) | np.uint64(code)) & keep
        run += 1
        if run < seed or not seen[mix_word(word) & mask]:
            continue
        row = np.searchsorted(words, word)
        while row < words.size and words[row] == word:
            if not hit[row]:
                wanted = letters[starts[row] : starts[row] + lengths[row]]
                hit[row] = _occurs(codes, position - seed + 1 - offsets[row], wanted)
            row += 1


@njit(nogil=True)
def _occurs(codes, begin, wanted):  # type: ignore[no-untyped-def]
    """Say whether the letters from `begin` on are the wanted ones."""
    inside = begin >= 0 and begin + wanted.size <= codes.size
    return inside and np.array_equal(codes[begin : begin + wanted.size], wanted)
