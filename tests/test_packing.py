"""A packed document is masked as if it were alone."""

from __future__ import annotations

import numpy as np
import pytest

from dnamask_plugins.budget import Budget
from dnamask_plugins.errors import InputError
from dnamask_plugins.packing import select_packed
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.random_token import RandomToken
from dnamask_plugins.strategies.span import Span
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.types import TokenBatch


def pack(batches: list[TokenBatch], width: int, letters: int) -> tuple[TokenBatch, np.ndarray]:
    """Put one-row batches behind each other into one row."""
    documents = np.full((1, width), -1)
    ids, special = np.zeros((1, width), np.int64), np.ones((1, width), bool)
    offsets, attention = np.zeros((1, width, 2), np.int32), np.zeros((1, width), bool)
    codes, weights = np.full((1, letters), 255, np.uint8), np.ones((1, letters), np.float32)
    column = nucleotide = 0
    for number, batch in enumerate(batches):
        size, length = batch.input_ids.shape[1], int(batch.lengths[0])
        here = (0, slice(column, column + size))
        documents[here], ids[here] = number, batch.input_ids[0]
        special[here], attention[here] = batch.special_tokens_mask[0], batch.attention_mask[0]
        shows = batch.offsets[0, :, 1] > 0
        offsets[here] = np.where(shows[:, None], batch.offsets[0] + nucleotide, 0)
        codes[0, nucleotide : nucleotide + length] = batch.nucleotides[0, :length]
        if batch.weights is not None:
            weights[0, nucleotide : nucleotide + length] = batch.weights[0, :length]
        column, nucleotide = column + size, nucleotide + length
    lengths = np.array([nucleotide], np.int32)
    return TokenBatch(ids, offsets, special, attention, codes, lengths, weights), documents


@pytest.mark.parametrize("strategy", [RandomToken(), Span(), Span(length=3)])
@pytest.mark.parametrize("per", ["token", "nucleotide"])
def test_each_document_has_the_mask_it_has_alone(strategy, per):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), size)) for size in (40, 7, 90, 25)]
    alone = [KmerTokenizer(6).encode_batch([text]) for text in texts]
    alone[2] = alone[2].with_weights(rng.random((1, 90)).astype(np.float32))
    batch, documents = pack(alone, width=200, letters=180)
    key = RngKey.from_step(0, 0, [5, 6, 7, 8])
    mask = select_packed(strategy, batch, documents, key, Budget(0.3, per))
    for number, single in enumerate(alone):
        expected = strategy.select(single, key[number : number + 1], Budget(0.3, per))[0]
        np.testing.assert_array_equal(mask[0, documents[0] == number], expected)
        assert expected.any() or number == 1
    assert not mask[0, documents[0] < 0].any()


def test_other_documents_in_the_row_change_nothing():
    single = KmerTokenizer(3).encode_batch(["ACGTACGGTTACAGGT"])
    other = KmerTokenizer(3).encode_batch(["GGGGGGTTTAC"])
    key = RngKey.from_step(0, 0, [1, 2])
    first, at_first = pack([single, other], 40, 40)
    last, at_last = pack([other, single], 50, 60)
    one = select_packed(Span(), first, at_first, key, Budget(0.3))
    two = select_packed(Span(), last, at_last, key[np.array([1, 0])], Budget(0.3))
    np.testing.assert_array_equal(one[0, at_first[0] == 0], two[0, at_last[0] == 1])


def test_nothing_packed_and_wrong_shapes():
    batch = KmerTokenizer(3).encode_batch(["ACGTACG"])
    nothing = np.full(batch.input_ids.shape, -1)
    assert not select_packed(Span(), batch, nothing, RngKey.from_step(0, 0, []), Budget(0.3)).any()
    with pytest.raises(InputError, match="keys"):
        select_packed(Span(), batch, nothing + 1, RngKey.from_step(0, 0, [1, 2]), Budget(0.3))
    with pytest.raises(InputError, match="shape"):
        select_packed(Span(), batch, nothing[:, :-1], RngKey.from_step(0, 0, []), Budget(0.3))
