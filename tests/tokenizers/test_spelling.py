"""Spellings, and who predicts which hidden letter, against a count by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.plugins import create
from dnamask_plugins.tokenizers.bpe import BpeTokenizer
from dnamask_plugins.tokenizers.spelling import Spellings

PLAIN = {
    "kmer": create("tokenizers", "kmer", k=4),
    "logo": create("tokenizers", "logo", n=3, phase=1),
    "nucleotide": create("tokenizers", "nucleotide"),
}


def by_hand(tokenizer: Any, mask: Any, batch: Any) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return the hidden A, C, G, T of a batch, each with the masked tokens and places that cover it."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row in range(len(batch)):
        for position in range(int(batch.lengths[row])):
            covering = [
                column
                for column in range(batch.input_ids.shape[1])
                if not batch.special_tokens_mask[row, column]
                and batch.offsets[row, column, 0] <= position < batch.offsets[row, column, 1]
            ]
            if covering and all(mask[row, c] for c in covering) and batch.nucleotides[row, position] < 4:
                found[row, position] = [(c, position - int(batch.offsets[row, c, 0])) for c in covering]
    return found


@pytest.mark.parametrize("name", PLAIN)
@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(st.text("ACGTN", max_size=14), min_size=1, max_size=3),
    seed=st.integers(0, 99),
    rate=st.sampled_from([0.3, 0.7, 1.0]),
)
def test_every_hidden_letter_is_shared_out_once(name: str, texts: list[str], seed: int, rate: float) -> None:
    tokenizer = PLAIN[name]
    batch = tokenizer.encode_batch(texts)
    drawn = np.random.default_rng(seed).random(batch.input_ids.shape) < rate
    mask = drawn & ~batch.special_tokens_mask
    table = Spellings.of(tokenizer)
    assert table is not None
    places = table.places(mask, batch)
    expected = np.zeros((*mask.shape, max(places.shape[2], 8)))
    hidden = by_hand(tokenizer, mask, batch)
    for (row, _), covering in hidden.items():
        for column, place in covering:
            expected[row, column, place] = 1 / len(covering)
    np.testing.assert_allclose(places, expected[..., : places.shape[2]], rtol=1e-6)
    assert not expected[..., places.shape[2] :].any()
    assert places.sum() == pytest.approx(len(hidden))


def test_byte_pairs_and_pieces_are_spelled(trained: BpeTokenizer, messy: list[str]) -> None:
    table = Spellings.of(trained)
    assert table is not None
    batch = trained.encode_batch(messy)
    for row, column in zip(*np.nonzero(~batch.special_tokens_mask), strict=True):
        start, stop = batch.offsets[row, column]
        letters = table.letters[batch.input_ids[row, column]]
        assert letters[: stop - start].tolist() == batch.nucleotides[row, start:stop].tolist()
        assert (letters[stop - start :] == -1).all()


def test_nucleotide_transformer_is_spelled(nucleotide_transformer: tuple[Path, Path]) -> None:
    for folder in nucleotide_transformer:
        words = create("tokenizers", "huggingface", path=str(folder)).spellings
        assert words[4] == "AAA"
        assert words[-1] == "N"
        assert words[:4] == ("", "", "", "")


def test_a_tokenizer_need_not_tell() -> None:
    class Silent:
        name, vocab_size = "acme.silent", 3

    assert Spellings.of(Silent()) is None
    with pytest.raises(ConfigError, match=r"loss = 'both' needs .* 'acme.silent' does not tell"):
        Spellings.required(Silent(), "loss = 'both'")


def test_a_false_number_of_words_is_refused() -> None:
    class Short:
        name, vocab_size, spellings = "acme.short", 3, ("", "A")

    with pytest.raises(ConfigError, match=r"'acme.short': `spellings` gives 2 words"):
        Spellings.of(Short())


def test_words_without_letters_count_as_not_told() -> None:
    class Genes:
        name, vocab_size, spellings = "acme.genes", 3, ("", "", "")

    assert Spellings.of(Genes()) is None
