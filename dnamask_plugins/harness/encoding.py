"""Tokenized sequences without padding, and batches of them: padding is only made up where lengths differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import InputError
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.tasks.data import LabelledData

_CHUNK: Final = 512
_POOL: Final = 64
"""Batches that are shuffled together before they are sorted by length."""


@dataclass(frozen=True, eq=False)
class EncodedData:
    """Token ids of a split, one row after the other.

    Attributes
    ----------
    ids : int32 array, shape (T,)
        All tokens.
    starts : int64 array, shape (n + 1,)
        Row i is ``ids[starts[i]:starts[i + 1]]``.
    segments : int8 array, shape (T,), or None
        0 for the first sequence of a pair, 1 for the second.
    labels : array, shape (n,) or (n, labels)
        As in `LabelledData`.
    pad_token_id : int
    truncated : int
        Rows that lost tokens.
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    segments: NDArray[np.int8] | None
    labels: NDArray[Any]
    pad_token_id: int
    truncated: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens in each row, shape (n,)."""
        return np.diff(self.starts)

    def sorted_by_length(self) -> NDArray[np.int64]:
        """Return row numbers, longest first, so that an out-of-memory shows at once."""
        return np.argsort(-self.lengths, kind="stable")

    def take(self, rows: NDArray[np.int64]) -> EncodedData:
        """Return some of the rows, in the order given."""
        lengths = self.lengths[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], lengths)
        segments = None if self.segments is None else self.segments[places]
        return EncodedData(
            self.ids[places], starts, segments, self.labels[rows], self.pad_token_id, self.truncated
        )

    def batch(self, rows: Sequence[int] | NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """Put rows together, padded on the right to the longest.

        Returns
        -------
        dict
            ``input_ids`` and ``labels``; ``attention_mask`` only where something was padded;
            ``token_type_ids`` only for pairs. All int64.
        """
        chosen = np.asarray(rows, dtype=np.int64)
        lengths = self.lengths[chosen]
        width = int(lengths.max())
        columns = np.arange(width)
        real = columns[None, :] < lengths[:, None]
        places = np.where(real, self.starts[chosen][:, None] + columns[None, :], 0)
        batch = {
            "input_ids": np.where(real, self.ids[places], self.pad_token_id).astype(np.int64),
            "labels": self.labels[chosen],
        }
        if self.segments is not None:
            batch["token_type_ids"] = np.where(real, self.segments[places], 0).astype(np.int64)
        if int(lengths.min()) < width:
            batch["attention_mask"] = real.astype(np.int64)
        return batch


def encode_data(data: LabelledData, tokenizer: DNATokenizer, max_length: int | None) -> EncodedData:
    """Tokenize a split once.

    Parameters
    ----------
    data : LabelledData
    tokenizer : DNATokenizer
    max_length : int or None
        Longest row in tokens; longer ones are cut at the end (of the longer sequence of a pair) and counted.

    Returns
    -------
    EncodedData

    Raises
    ------
    InputError
        A sequence gives no token at all (shorter than a k-mer).
    """
    first = _token_rows(data.sequences, tokenizer)
    second = None if data.partners is None else _token_rows(data.partners, tokenizer)
    specials = set(np.asarray(tokenizer.special_ids).tolist())
    rows, segments, truncated = [], [], 0
    for number, ids in enumerate(first):
        other = None if second is None else second[number]
        bare = sum(token not in specials for token in ids.tolist()) if ids.size < 4 else 1
        if not bare:
            raise InputError(
                f"{data.path}: row {number + 1} below the header is too short for the tokenizer "
                f"({len(data.sequences[number])} nucleotides); remove it"
            )
        row, segment, cut = _fit(ids, other, max_length, specials)
        rows.append(row)
        segments.append(segment)
        truncated += cut
    lengths = np.array([row.size for row in rows], dtype=np.int64)
    return EncodedData(
        np.concatenate(rows).astype(np.int32),
        np.concatenate([[0], np.cumsum(lengths)]),
        None if second is None else np.concatenate(segments).astype(np.int8),
        data.labels,
        tokenizer.pad_token_id,
        truncated,
    )


def _token_rows(sequences: Sequence[str], tokenizer: DNATokenizer) -> list[NDArray[np.int64]]:
    rows: list[Any] = [None] * len(sequences)
    # Alike lengths go together, so that one long sequence does not widen a whole chunk.
    order = sorted(range(len(sequences)), key=lambda row: len(sequences[row]))
    for start in range(0, len(order), _CHUNK):
        chunk = order[start : start + _CHUNK]
        batch = tokenizer.encode_batch([sequences[row] for row in chunk])
        sizes = batch.attention_mask.sum(axis=1)
        for place, row in enumerate(chunk):
            rows[row] = batch.input_ids[place, : sizes[place]].astype(np.int32)
    return rows


def _fit(
    ids: NDArray[np.int64], other: NDArray[np.int64] | None, max_length: int | None, specials: set[int]
) -> tuple[NDArray[np.int64], NDArray[np.int8], bool]:
    """Join a pair, and cut what is too long while the special token at the end stays."""
    if other is None:
        row, cut = _cut(ids, max_length, specials)
        return row, np.zeros(row.size, dtype=np.int8), cut
    other = other[1:] if other.size and int(other[0]) in specials else other
    cut = False
    if max_length is not None and ids.size + other.size > max_length:
        longer, shorter = max(ids.size, other.size), min(ids.size, other.size)
        limit = max(max_length - shorter, (max_length + 1) // 2)
        ids, _ = _cut(ids, limit if ids.size == longer else max_length - limit, specials)
        other, _ = _cut(other, max_length - ids.size, specials)
        cut = True
    segments = np.repeat(np.array([0, 1], dtype=np.int8), [ids.size, other.size])
    return np.concatenate([ids, other]), segments, cut


def _cut(
    ids: NDArray[np.int64], max_length: int | None, specials: set[int]
) -> tuple[NDArray[np.int64], bool]:
    if max_length is None or ids.size <= max_length:
        return ids, False
    if int(ids[-1]) in specials:
        return np.concatenate([ids[: max_length - 1], ids[-1:]]), True
    return ids[:max_length], True


class LengthBuckets:
    """Sampler of rows: random, yet rows of a batch are of one length as far as possible.

    Rows are shuffled, sorted by length within pools of 64 batches, cut into batches, and the batches are
    shuffled; where all rows have one length that is plain shuffling. The order depends on the seed and the
    number of times it was asked for, not on any global state.
    """

    def __init__(self, lengths: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.epoch = 0

    def __len__(self) -> int:
        return int(self.lengths.size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng([self.seed, self.epoch])
        self.epoch += 1
        order = generator.permutation(self.lengths.size)
        if np.ptp(self.lengths) == 0:
            return iter(order.tolist())
        pool = self.batch_size * _POOL
        pools = [order[start : start + pool] for start in range(0, order.size, pool)]
        sorted_rows = np.concatenate([rows[np.argsort(self.lengths[rows], kind="stable")] for rows in pools])
        whole = sorted_rows.size // self.batch_size * self.batch_size
        batches = sorted_rows[:whole].reshape(-1, self.batch_size)
        shuffled = batches[generator.permutation(len(batches))].ravel()
        # The incomplete batch stays last: elsewhere it would shift every batch after it.
        return iter(np.concatenate([shuffled, sorted_rows[whole:]]).tolist())


def padding_fraction(lengths: NDArray[np.int64], batch_size: int, order: Sequence[int]) -> float:
    """Return the share of computed tokens that are padding when rows are batched in an order."""
    sizes = lengths[np.asarray(order)]
    widths = [int(sizes[start : start + batch_size].max()) for start in range(0, sizes.size, batch_size)]
    counts = [min(batch_size, sizes.size - start) for start in range(0, sizes.size, batch_size)]
    computed = sum(width * count for width, count in zip(widths, counts, strict=True))
    return 1 - float(sizes.sum()) / computed if computed else 0.0
