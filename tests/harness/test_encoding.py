"""Tokenized rows without padding: equal to the tokenizer's own batch, cut and counted, bucketed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.errors import InputError
from dnamask_plugins.harness.encoding import EncodedData, LengthBuckets, encode_data, padding_fraction
from dnamask_plugins.tasks.data import LabelledData
from dnamask_plugins.tokenizers.kmer import KmerTokenizer

CLS, SEP = 2, 3


def data_of(*sequences: str, partners: tuple[str, ...] | None = None) -> LabelledData:
    labels = np.arange(len(sequences)) % 2
    return LabelledData(Path("x.csv"), "", sequences, partners, labels)


def row_of(encoded: EncodedData, row: int) -> list[int]:
    return encoded.ids[encoded.starts[row] : encoded.starts[row + 1]].tolist()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("ACGT", min_size=3, max_size=30), min_size=1, max_size=9))
def test_rows_are_what_the_tokenizer_gives(sequences: list[str]):
    tokenizer = KmerTokenizer(3)
    encoded = encode_data(data_of(*sequences), tokenizer, None)
    assert encoded.truncated == 0
    for row, sequence in enumerate(sequences):
        assert row_of(encoded, row) == tokenizer.encode(sequence).input_ids.tolist()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("ACGT", min_size=3, max_size=30), min_size=2, max_size=9), st.data())
def test_a_batch_equals_the_tokenizers_batch(sequences: list[str], data: st.DataObject):
    tokenizer = KmerTokenizer(3)
    rows = data.draw(st.permutations(range(len(sequences))))
    batch = encode_data(data_of(*sequences), tokenizer, None).batch(rows)
    expected = tokenizer.encode_batch([sequences[row] for row in rows])
    assert batch["input_ids"].tolist() == expected.input_ids.tolist()
    assert batch["labels"].tolist() == [row % 2 for row in rows]
    mask = batch.get("attention_mask", np.ones_like(batch["input_ids"]))
    assert mask.astype(bool).tolist() == expected.attention_mask.tolist()
    assert ("attention_mask" in batch) == (len({len(sequence) for sequence in sequences}) > 1)


def test_padding_is_the_tokenizers_id_not_0():
    encoded = encode_data(data_of("ACGTA", "ACG"), KmerTokenizer(3), None)
    moved = EncodedData(encoded.ids, encoded.starts, None, encoded.labels, 77, 0)
    assert moved.batch([0, 1])["input_ids"][1, -1] == 77


def test_long_rows_are_cut_counted_and_end_as_before():
    encoded = encode_data(data_of("ACGTACGT", "ACGTA"), KmerTokenizer(3), 5)
    assert encoded.truncated == 1
    assert encoded.lengths.tolist() == [5, 5]
    assert row_of(encoded, 0)[-1] == SEP
    assert row_of(encoded, 0)[:4] == KmerTokenizer(3).encode("ACGTACGT").input_ids[:4].tolist()


def test_pairs_are_joined_as_bert_has_them():
    encoded = encode_data(data_of("ACGT", partners=("TTTTT",)), KmerTokenizer(3), None)
    one, other = (KmerTokenizer(3).encode(text).input_ids.tolist() for text in ("ACGT", "TTTTT"))
    assert row_of(encoded, 0) == one + other[1:]
    assert row_of(encoded, 0).count(CLS) == 1
    assert encoded.batch([0])["token_type_ids"].tolist() == [[0] * len(one) + [1] * (len(other) - 1)]


@pytest.mark.parametrize(("first", "second"), [(40, 10), (10, 40), (40, 40), (30, 5)])
@pytest.mark.parametrize("limit", [12, 21, 30])
def test_the_longer_of_a_pair_is_cut_first(first: int, second: int, limit: int):
    encoded = encode_data(
        data_of("ACGTA" * (first // 5), partners=("GGCAT" * (second // 5),)), KmerTokenizer(3), limit
    )
    segments = encoded.batch([0])["token_type_ids"][0]
    whole = {0: first, 1: second - 1}
    kept = {part: int((segments == part).sum()) for part in (0, 1)}
    assert encoded.lengths[0] == min(limit, first + second - 1)
    assert encoded.truncated == int(first + second - 1 > limit)
    for part in (0, 1):
        assert kept[part] == whole[part] or kept[part] >= kept[1 - part] - 1


def test_a_sequence_that_gives_no_token_is_named():
    with pytest.raises(InputError, match=r"x\.csv: row 2 below the header is too short .*2 nucleotides"):
        encode_data(data_of("ACGT", "AC"), KmerTokenizer(3), None)


def test_taking_rows_keeps_them_whole():
    encoded = encode_data(data_of("ACGTA", "ACG", "TTTTTTT"), KmerTokenizer(3), None)
    order = encoded.sorted_by_length()
    taken = encoded.take(order)
    assert taken.lengths.tolist() == [7, 5, 3]
    for place, row in enumerate(order.tolist()):
        assert row_of(taken, place) == row_of(encoded, row)
        assert taken.labels[place] == encoded.labels[row]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 900), st.integers(1, 40), st.integers(0, 99))
def test_buckets_give_every_row_once_and_fresh_orders(rows: int, batch: int, seed: int):
    lengths = np.random.default_rng(seed).integers(5, 40, rows)
    sampler = LengthBuckets(lengths, batch, seed)
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(rows))
    assert list(LengthBuckets(lengths, batch, seed)) == first
    if rows > 20:
        assert first != second


def test_buckets_leave_next_to_no_padding_and_no_order_by_length():
    generator = np.random.default_rng(0)
    lengths = generator.integers(15, 30, 6400)
    order = list(LengthBuckets(lengths, 32, 0))
    random = generator.permutation(6400).tolist()
    assert padding_fraction(lengths, 32, order) < 0.02
    assert padding_fraction(lengths, 32, random) > 0.2
    means = lengths[order].reshape(-1, 32).mean(axis=1)
    assert abs(np.corrcoef(np.arange(means.size), means)[0, 1]) < 0.2


def test_the_incomplete_batch_comes_last():
    lengths = np.random.default_rng(0).integers(5, 40, 331)
    order = np.array(list(LengthBuckets(lengths, 16, 0)))
    assert padding_fraction(lengths, 16, order.tolist()) < 0.05
