"""Packed rows: several documents in one row, each masked as if it were alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.budget import Budget
from dnamask_plugins.errors import InputError
from dnamask_plugins.guard import guarded_select
from dnamask_plugins.nucleotides import PADDING
from dnamask_plugins.protocols import MaskingStrategy
from dnamask_plugins.rng import RngKey
from dnamask_plugins.types import BoolArray, TokenBatch


def select_packed(
    strategy: MaskingStrategy, batch: TokenBatch, documents: NDArray[Any], key: RngKey, budget: Budget
) -> BoolArray:
    """Select with a budget for each document instead of each row.

    The documents are taken apart into rows of their own, masked, and put together again, so that the mask
    of a document does not depend on what it is packed with, and each spends a budget of its own.

    Parameters
    ----------
    strategy : MaskingStrategy
    batch : TokenBatch of B packed rows
        Offsets count along the whole row's nucleotides.
    documents : int array, shape (B, L)
        Number of the document that each token belongs to, from 0 in each row and without gaps; negative for
        padding. A document's tokens are neighbours.
    key : RngKey of D documents
        In the order of rows, then numbers.
    budget : Budget

    Returns
    -------
    bool array, shape (B, L)

    Raises
    ------
    InputError
        The shapes or the number of keys do not fit.
    PluginError
        See `guarded_select`.

    Examples
    --------
    >>> from dnamask_plugins.strategies.random_token import RandomToken
    >>> from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer
    >>> batch = NucleotideTokenizer().encode_batch(["ACGTACGTAC"])
    >>> documents = np.array([[0] * 6 + [1] * 6])
    >>> mask = select_packed(RandomToken(), batch, documents, RngKey.from_step(0, 0, [7, 9]), Budget(0.4))
    >>> int(mask[0, :6].sum()), int(mask[0, 6:].sum())
    (2, 2)
    """
    documents = np.asarray(documents)
    if documents.shape != batch.input_ids.shape:
        raise InputError(
            f"documents have shape {documents.shape}, the tokens {batch.input_ids.shape}; give one a token"
        )
    counts = documents.max(axis=1, initial=-1) + 1
    places = [(row, number) for row in range(len(batch)) for number in range(int(counts[row]))]
    if len(key) != len(places):
        raise InputError(
            f"{len(places)} documents are packed, but there are {len(key)} keys; give one a document"
        )
    columns = [np.flatnonzero(documents[row] == number) for row, number in places]
    mask = np.zeros(batch.input_ids.shape, dtype=bool)
    if not places:
        return mask
    selected = guarded_select(strategy, _unpack(batch, [row for row, _ in places], columns), key, budget)
    for index, (row, _) in enumerate(places):
        mask[row, columns[index]] = selected[index, : columns[index].size]
    return mask


def _unpack(batch: TokenBatch, rows: list[int], columns: list[NDArray[np.intp]]) -> TokenBatch:
    """Return one row a document; its nucleotides are those between its first token and its last."""
    count, width = len(rows), max((column.size for column in columns), default=0)
    ids = np.zeros((count, width), dtype=np.int64)
    offsets = np.zeros((count, width, 2), dtype=np.int32)
    special = np.ones((count, width), dtype=bool)
    attention = np.zeros((count, width), dtype=bool)
    spans = []
    for index, (row, column) in enumerate(zip(rows, columns, strict=True)):
        here = slice(0, column.size)
        own = batch.offsets[row, column]
        shows = own[:, 1] > own[:, 0]
        low = int(own[shows, 0].min(initial=batch.nucleotides.shape[1]))
        high = int(own[shows, 1].max(initial=low))
        spans.append((low, high))
        ids[index, here] = batch.input_ids[row, column]
        offsets[index, here] = np.where(shows[:, None], own - low, 0)
        special[index, here] = batch.special_tokens_mask[row, column]
        attention[index, here] = batch.attention_mask[row, column]
    lengths = np.array([high - low for low, high in spans], dtype=np.int32)
    codes = np.full((count, int(lengths.max(initial=0))), PADDING, dtype=np.uint8)
    weights = None if batch.weights is None else np.ones(codes.shape, dtype=np.float32)
    for index, (row, (low, high)) in enumerate(zip(rows, spans, strict=True)):
        codes[index, : high - low] = batch.nucleotides[row, low:high]
        if weights is not None and batch.weights is not None:
            weights[index, : high - low] = batch.weights[row, low:high]
    return TokenBatch(ids, offsets, special, attention, codes, lengths, weights)
