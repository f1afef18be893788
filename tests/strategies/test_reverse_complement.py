"""Masks of the two strands mirror each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.budget import Budget, token_rate
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.random_token import RandomToken
from dnamask_plugins.strategies.reverse_complement import ReverseComplement
from dnamask_plugins.strategies.span import Span
from dnamask_plugins.tokenizers.kmer import KmerTokenizer


def other_strand(sequence: str) -> str:
    return sequence[::-1].translate(str.maketrans("ACGTN", "TGCAN"))


def keys(count):
    return RngKey.from_step(4, 2, range(count))


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text("ACGTN", max_size=60), min_size=1, max_size=5),
    k=st.sampled_from([1, 3, 6]),
    per=st.sampled_from(["token", "nucleotide"]),
)
def test_k_mer_masks_mirror_to_the_token(all_strategies, texts, k, per):
    tokenizer = KmerTokenizer(k)
    for name in ("random_token", "span", "genemask", "global_npmi_warm", "mixture"):
        strategy = ReverseComplement(all_strategies[name])
        forward = strategy.select(tokenizer.encode_batch(texts), keys(len(texts)), Budget(0.3, per))
        reverse = strategy.select(
            tokenizer.encode_batch([other_strand(text) for text in texts]), keys(len(texts)), Budget(0.3, per)
        )
        for row, text in enumerate(texts):
            if text == other_strand(text):
                continue  # its own other strand: one mask cannot be its own mirror image as well
            tokens = slice(1, 1 + max(len(text) - k + 1, 0))
            np.testing.assert_array_equal(forward[row, tokens], reverse[row, tokens][::-1])


def test_without_it_they_do_not_mirror(sequences):
    texts = sequences(20, 100)
    tokenizer = KmerTokenizer(6)
    forward = Span().select(tokenizer.encode_batch(texts), keys(20), Budget(0.15))
    reverse = Span().select(tokenizer.encode_batch(list(map(other_strand, texts))), keys(20), Budget(0.15))
    assert not (forward == reverse[:, ::-1]).all(axis=1).any()


@pytest.mark.parametrize("name", ["random_token", "span", "genemask", "global_npmi_warm"])
def test_other_tokens_mirror_the_nucleotides_drawn(all_strategies, cutter, sequences, name):
    """A nucleotide drawn on one strand is behind masked tokens on both."""
    texts = sequences(150, 200)
    strategy = ReverseComplement(all_strategies[name])
    batches = [cutter.encode_batch(texts), cutter.encode_batch(list(map(other_strand, texts)))]
    masks = [strategy.select(batch, keys(150), Budget(0.15)) for batch in batches]
    reached = np.zeros((2, 150, 200), bool)
    for strand, (batch, mask) in enumerate(zip(batches, masks, strict=True)):
        for row in range(150):
            for start, stop in batch.offsets[row, mask[row]]:
                reached[strand, row, start:stop] = True
    reached[1] = reached[1, :, ::-1]
    both = (reached[0] & reached[1]).sum() / reached[0].sum()
    # Tokens of about 4.5 nucleotides reach beyond what was drawn, to other sides on the two strands.
    plain = all_strategies[name].select(batches[0], keys(150), Budget(0.15))
    assert both > 0.4 > 0.25
    rates = [token_rate(mask, batch).mean() for mask, batch in zip(masks, batches, strict=True)]
    assert abs(rates[0] - rates[1]) < 0.01
    assert abs(rates[0] - token_rate(plain, batches[0]).mean()) < 0.03


def test_weights_turn_with_the_sequence(sequences):
    texts = sequences(30, 100)
    weights = np.ones((30, 100), np.float32)
    weights[:, :60] = 0
    strategy, tokenizer = ReverseComplement("span"), KmerTokenizer(1)
    forward = strategy.select(tokenizer.encode_batch(texts).with_weights(weights), keys(30), Budget(0.2))
    turned = tokenizer.encode_batch(list(map(other_strand, texts))).with_weights(weights[:, ::-1].copy())
    np.testing.assert_array_equal(
        forward[:, 1:-1], strategy.select(turned, keys(30), Budget(0.2))[:, 1:-1][:, ::-1]
    )
    assert not forward[:, 1:61].any()


def test_inner_from_name_configuration_or_object():
    for inner in ("random_token", {"name": "random_token"}, RandomToken()):
        assert ReverseComplement(inner).inner == RandomToken()
    with pytest.raises(ConfigError, match="token_length"):
        ReverseComplement("span", token_length=0)
