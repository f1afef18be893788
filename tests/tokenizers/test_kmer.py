"""k-mers against DNABERT's files and against a tokenizer written letter by letter."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.budget import hidden_nucleotides
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.types import NucleotideBatch

# sha256 of the lines of vocab.txt of DNABERT's four k-mer tokenizers, first 16 digits
DNABERT_FILES = {3: "868b0b1ca9c6dfe7", 4: "a78f8d49dfd18288", 5: "3d422649f2193de4", 6: "dece9c2557cc034f"}

sequences = st.lists(st.text("ACGTacgtNnUuRySk", max_size=40), max_size=6)


# Longer words are in another test: the table by hand is slow to make.
def by_hand(sequence: str, k: int, shift: int) -> tuple[list[int], list[list[int]], list[bool]]:
    text = sequence.upper().replace("U", "T")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map("".join, itertools.product("ATCG", repeat=k))]
    ids = {word: number for number, word in enumerate(words)}
    starts = range(0, len(text) - k + 1, shift)
    tokens = [ids.get(text[start : start + k], 1) for start in starts]
    return (
        [2, *tokens, 3],
        [[0, 0], *([start, start + k] for start in starts), [0, 0]],
        [True, *(token == 1 for token in tokens), True],
    )


@pytest.mark.parametrize("k", DNABERT_FILES)
def test_vocabulary_is_dnaberts(k: int) -> None:
    lines = "\n".join(KmerTokenizer(k).vocabulary)
    assert hashlib.sha256(lines.encode()).hexdigest().startswith(DNABERT_FILES[k])


@pytest.mark.parametrize("k", DNABERT_FILES)
def test_every_word_gets_the_id_of_dnaberts_file(k: int, shared_data: Path) -> None:
    words = (shared_data / f"tokenizers/dnabert_kmer/{k}/vocab.txt").read_text().split()
    tokenizer = KmerTokenizer(k)
    assert tokenizer.vocab_size == len(words)
    batch = tokenizer.encode_batch(words[5:])
    assert batch.input_ids[:, 1].tolist() == list(range(5, len(words)))
    assert tokenizer.special_ids.tolist() == [
        words.index(f"[{x}]") for x in ("PAD", "UNK", "CLS", "SEP", "MASK")
    ]


@pytest.mark.parametrize("k", DNABERT_FILES)
def test_equals_bert_on_words_joined_by_spaces(k: int, shared_data: Path) -> None:
    from transformers import BertTokenizer

    vocabulary = shared_data / f"tokenizers/dnabert_kmer/{k}/vocab.txt"
    bert = BertTokenizer(str(vocabulary), do_lower_case=False)
    text = "GATTACAGGCGTGAGCCACCGCGCCCGGCCAACGTGGTGAAACCCCGTCTCTACTAAAAATACAAAAATTAGCCGGG"
    joined = " ".join(text[start : start + k] for start in range(len(text) - k + 1))
    assert KmerTokenizer(k).encode(text).input_ids.tolist() == bert(joined)["input_ids"]


@settings(deadline=None)  # the first call compiles
@given(sequences, st.integers(1, 8).flatmap(lambda k: st.tuples(st.just(k), st.integers(1, k))))
def test_equals_the_tokenizer_by_hand(texts: list[str], sizes: tuple[int, int]) -> None:
    k, shift = sizes
    tokenizer = KmerTokenizer(k, shift=shift)
    batch = tokenizer.encode_batch(texts)
    assert batch.input_ids.dtype == np.int64
    assert batch.offsets.dtype == np.int32
    assert batch.weights is None
    for row, text in enumerate(texts):
        ids, offsets, special = by_hand(text, k, shift)
        size = len(ids)
        assert batch.input_ids[row].tolist() == ids + [0] * (batch.input_ids.shape[1] - size)
        assert batch.offsets[row, :size].tolist() == offsets
        assert not batch.offsets[row, size:].any()
        assert batch.special_tokens_mask[row, :size].tolist() == special
        assert batch.special_tokens_mask[row, size:].all()
        assert batch.attention_mask[row].tolist() == [
            column < size for column in range(batch.input_ids.shape[1])
        ]
        assert batch.lengths[row] == len(text)


@pytest.mark.parametrize("k", [9, 10])
def test_long_words_are_numbers_in_base_four(k: int) -> None:
    digits = {letter: "ATCG".index(letter) for letter in "ATCG"}
    text = "GATTACACCGGTTAGNACGATTTACGGGGGGGGGGGAC"
    expected = []
    for start in range(len(text) - k + 1):
        word = text[start : start + k]
        number = sum(digits.get(letter, 0) * 4 ** (k - 1 - place) for place, letter in enumerate(word))
        expected.append(1 if "N" in word else 5 + number)
    assert KmerTokenizer(k).encode(text).input_ids.tolist() == [2, *expected, 3]


def test_a_window_is_not_changed_by_what_lies_behind_its_end() -> None:
    codes = np.array([[0, 1, 2, 3, 0, 1, 2], [3, 3, 3, 3, 3, 3, 3]], dtype=np.uint8)
    batch = NucleotideBatch(codes, np.array([4, 7], dtype=np.int32), np.zeros((2, 7), dtype=bool))
    row = KmerTokenizer(3).encode_batch(batch).input_ids[0]
    assert row[:4].tolist() == KmerTokenizer(3).encode("ACGT").input_ids.tolist()
    assert not row[4:].any()


def test_unknown_words_show_nothing_and_are_never_masked() -> None:
    batch = KmerTokenizer(3).encode_batch(["ACGTNACGT"])
    mask = ~batch.special_tokens_mask
    hidden = hidden_nucleotides(mask, batch)[0]
    assert hidden.tolist() == [True] * 4 + [False] + [True] * 4
    one = np.zeros_like(mask)
    one[0, 1] = True  # ACG: A is shown by no other word, C and G by CGT
    assert np.flatnonzero(hidden_nucleotides(one, batch)[0]).tolist() == [0]


def test_no_sequences() -> None:
    batch = KmerTokenizer().encode_batch([])
    assert batch.input_ids.shape == (0, 0)
    assert batch.offsets.shape == (0, 0, 2)


@pytest.mark.parametrize("k", [0, 11, -1, 2.5, True, "6"])
def test_refuses_other_k(k: object) -> None:
    with pytest.raises(ConfigError, match="from 1 to 10"):
        KmerTokenizer.from_config({"name": "kmer", "k": k})


@pytest.mark.parametrize("shift", [0, 4, True, 1.0])
def test_refuses_a_shift_that_leaves_letters_out(shift: object) -> None:
    with pytest.raises(ConfigError, match="from 1 to k = 3"):
        KmerTokenizer(3, shift=shift)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["ACGX", "ACG T", "ACG-", "ACG1", "ACGé", "AC[MASK]"])
def test_names_a_bad_letter_and_its_place_in_its_sequence(bad: str) -> None:
    place = next(i for i, letter in enumerate(bad) if letter not in "ACGT")
    with pytest.raises(InputError, match=f"position {place}"):
        KmerTokenizer().encode_batch(["ACGTACGT", bad])


def test_configuration_round_trip() -> None:
    tokenizer = KmerTokenizer(4)
    assert KmerTokenizer.from_config(tokenizer.to_config()) == tokenizer
    assert tokenizer.to_config() == {"name": "kmer", "k": 4}
