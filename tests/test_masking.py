"""From a spec to a masked batch."""

from __future__ import annotations

import numpy as np
import pytest

from dnamask_plugins.budget import token_rate
from dnamask_plugins.corruption import Corruption
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.masking import Masker, draw_component
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.random_token import RandomToken
from dnamask_plugins.strategies.span import Span
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.types import MaskSpec

TOKENIZER = KmerTokenizer(6)


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return TOKENIZER.encode_batch(
        ["".join(rng.choice(list("ACGT"), size)) for size in rng.integers(30, 200, 400)]
    )


@pytest.fixture
def masker():
    strategies = {"random_token": RandomToken(), "span": Span()}
    return Masker(strategies, Corruption.for_tokenizer(TOKENIZER), seed=9)


def test_padding_and_special_tokens_are_never_labelled(masker, batch):
    masked = masker(batch, MaskSpec.single("span", 0.3), 0, np.arange(400))
    assert (masked.labels[batch.special_tokens_mask] == -100).all()
    np.testing.assert_array_equal(
        masked.input_ids[batch.special_tokens_mask], batch.input_ids[batch.special_tokens_mask]
    )
    np.testing.assert_array_equal(masked.labels != -100, masked.mask)
    np.testing.assert_array_equal(masked.labels[masked.mask], batch.input_ids[masked.mask])
    assert abs(token_rate(masked.mask, batch).mean() - 0.3) < 0.01
    assert masked.mask.any(axis=1).all()


@pytest.mark.parametrize("size", [1, 7, 400])
def test_same_result_in_batches_of_any_size_and_order(masker, batch, size):
    spec = MaskSpec.mixture([("random_token", 0.5), ("span", 0.5)], 0.15)
    whole = masker(batch, spec, 12, np.arange(400))
    order = np.random.default_rng(1).permutation(400)[:84]
    for start in range(0, 84, size):
        rows = order[start : start + size]
        part = masker(batch[rows], spec, 12, rows)
        np.testing.assert_array_equal(part.input_ids, whole.input_ids[rows])
        np.testing.assert_array_equal(part.labels, whole.labels[rows])


def test_seed_and_step_change_the_mask(masker, batch):
    spec = MaskSpec.single("span", 0.15)
    ids = np.arange(400)
    first = masker(batch, spec, 0, ids).mask
    other_seed = Masker(masker.strategies, masker.corruption, seed=10)
    for mask in (masker(batch, spec, 1, ids).mask, other_seed(batch, spec, 0, ids).mask):
        assert (mask != first).any(axis=1).mean() > 0.97


def test_shares_of_a_mixture():
    shares = np.array([0.2, 0.0, 0.8])
    drawn = draw_component(shares, RngKey.from_step(0, 0, range(20000)))
    np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 20000, shares, atol=0.01)


def test_unknown_strategy_gets_a_suggestion(masker, batch):
    with pytest.raises(ConfigError, match="did you mean 'span'"):
        masker(batch, MaskSpec.single("spam", 0.15), 0, np.arange(400))


@pytest.mark.parametrize("rate", [0, -0.1, 1.2, float("nan")])
def test_rates_that_cannot_train_are_refused(rate):
    with pytest.raises(ConfigError, match="outside"):
        MaskSpec.single("span", rate)


@pytest.mark.parametrize("weights", [(), (("span", 0.5),), (("span", 1.5), ("random_token", -0.5))])
def test_weights_that_are_no_shares_are_refused(weights):
    with pytest.raises(ConfigError, match="sum to 1"):
        MaskSpec(weights, 0.15)
