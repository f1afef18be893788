"""What holds for every strategy and every tokenizer."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.budget import Budget, hidden_rate, maskable_tokens
from dnamask_plugins.plugins import create
from dnamask_plugins.protocols import MaskingStrategy
from dnamask_plugins.rng import RngKey
from dnamask_plugins.types import TokenBatch


def keys(count, step=0):
    return RngKey.from_step(11, step, range(count))


def widest_gain(name):
    """Tokens that one unit adds at most, with 6-mers."""
    return {"random_token": 1, "span": 6, "span_geometric": 15}.get(name, 11)


@pytest.mark.parametrize("rate", [0.02, 0.15, 0.3, 0.85])
def test_realised_rate_is_exact_to_within_one_unit(all_strategies, sequences, rate):
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer

    batch = KmerTokenizer(6).encode_batch(sequences(200, 300))
    for name, strategy in all_strategies.items():
        counts = strategy.select(batch, keys(200), Budget(rate)).sum(axis=1)
        assert abs(counts - rate * 295).max() <= widest_gain(name), name
        assert abs(counts.mean() - rate * 295) < 4 * widest_gain(name) / 2 / np.sqrt(200), name


def test_expected_size_is_the_target(strategy, cutter, sequences):
    """Also for tokens of odd lengths, where a unit's gain varies."""
    if strategy.name == "reverse_complement":
        pytest.skip("on tokens without a mirror image the rate is close, not exact; see its own test")
    batch = cutter.encode_batch(sequences(1500, 120))
    target = 0.15 * maskable_tokens(batch)
    off = strategy.select(batch, keys(1500), Budget(0.15)).sum(axis=1) - target
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(1500)


def test_budget_in_nucleotides(strategy, tokenizer, sequences):
    batch = tokenizer.encode_batch(sequences(60, 250))
    rates = hidden_rate(strategy.select(batch, keys(60), Budget(0.15, per="nucleotide")), batch)
    if strategy.name == "reverse_complement" and tokenizer.name == "cutter":
        assert abs(rates.mean() - 0.15) < 0.03
    else:
        assert abs(rates.mean() - 0.15) < 0.012
        assert abs(rates - 0.15).max() < 0.07


def test_rate_0_selects_nothing_and_rate_1_everything(strategy, tokenizer, sequences):
    texts = [*sequences(3, 80), "NNNNNNNNNN", "ACGTNNACGGGTTACCATTN", "A", "", "ACG"]
    batch = tokenizer.encode_batch(texts)
    for draw in ("exact", "bernoulli"):
        assert not strategy.select(batch, keys(8), Budget(0.0, draw=draw)).any()
        everything = strategy.select(batch, keys(8), Budget(1.0, draw=draw))
        np.testing.assert_array_equal(everything, ~batch.special_tokens_mask)


def test_unknown_letters_are_drawn_last(strategy, cutter, sequences):
    texts = [text[:50] + "N" * 50 for text in sequences(30, 100)]
    batch = cutter.encode_batch(texts)
    mask = strategy.select(batch, keys(30), Budget(0.2))
    inside = (batch.offsets[..., 0] >= 50) & ~batch.special_tokens_mask
    assert not (mask & inside).any()
    assert mask.any(axis=1).all()


def test_weight_0_is_never_drawn_and_a_full_budget_draws_all(strategy, sequences):
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer

    batch = KmerTokenizer(1).encode_batch(sequences(300, 200))
    weights = np.ones((300, 200), np.float32)
    weights[:, :100] = 0
    for draw in ("exact", "bernoulli"):
        mask = strategy.select(batch.with_weights(weights), keys(300), Budget(0.1, draw=draw))[:, 1:-1]
        assert not mask[:, :100].any()
    weights[:, :100] = 0.25
    everything = strategy.select(batch.with_weights(weights), keys(300), Budget(1.0))[:, 1:-1]
    assert everything.all()


@pytest.mark.parametrize("draw", ["exact", "bernoulli"])
def test_a_weight_of_a_quarter_is_drawn_a_quarter_as_often(strategy, sequences, draw):
    """Against the same letters at full weight; measured for the strategies here: 0.24 to 0.29."""
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer

    batch = KmerTokenizer(1).encode_batch(sequences(300, 200))
    weights = np.ones((300, 200), np.float32)
    drawn = []
    for weight in (0.25, 1.0):
        weights[:, :100] = weight
        mask = strategy.select(batch.with_weights(weights), keys(300), Budget(0.1, draw=draw))[:, 1:-1]
        drawn.append(mask[:, :100].sum() / mask[:, 100:].sum())
    assert drawn[0] / drawn[1] == pytest.approx(0.25, rel=0.25)


def test_weight_of_a_unit_is_its_lowest(sequences):
    from dnamask_plugins.strategies.span import Span
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer

    batch = KmerTokenizer(1).encode_batch(["A" * 60])
    weights = np.ones((1, 60), np.float32)
    weights[:, ::4] = 0
    mask = Span(length=4).select(batch.with_weights(weights), keys(1), Budget(1.0))
    assert not mask[:, : 1 + 57].any()
    assert mask[:, 1 + 57 : 1 + 60].all()  # a span that is cut at the end


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mask_depends_on_the_example_alone(all_strategies, all_tokenizers, data):
    strategy = all_strategies[data.draw(st.sampled_from(sorted(all_strategies)))]
    tokenizer = all_tokenizers[data.draw(st.sampled_from(sorted(all_tokenizers)))]
    budget = Budget(
        data.draw(st.sampled_from([0.0, 0.1, 0.15, 0.5, 1.0])),
        data.draw(st.sampled_from(["token", "nucleotide"])),
        data.draw(st.sampled_from(["exact", "bernoulli"])),
    )
    texts = data.draw(st.lists(st.text("ACGTNacgt", min_size=0, max_size=70), min_size=2, max_size=6))
    ids = data.draw(st.lists(st.integers(0, 2**40), min_size=len(texts), max_size=len(texts), unique=True))
    order = data.draw(st.permutations(range(len(texts))))
    whole = tokenizer.encode_batch(texts)
    mask = strategy.select(whole, RngKey.from_step(3, 5, ids), budget)
    assert not mask[whole.special_tokens_mask].any()
    again = strategy.select(
        tokenizer.encode_batch([texts[i] for i in order]),
        RngKey.from_step(3, 5, [ids[i] for i in order]),
        budget,
    )
    np.testing.assert_array_equal(mask[list(order)], again)
    for row, text in enumerate(texts):
        alone = tokenizer.encode_batch([text])
        one = strategy.select(alone, RngKey.from_step(3, 5, [ids[row]]), budget)[0]
        np.testing.assert_array_equal(mask[row, : len(one)], one)


def test_nothing_else_is_touched(strategy, tokenizer, sequences):
    batch = tokenizer.encode_batch(sequences(8, 100))
    batch = batch.with_weights(np.full((8, 100), 0.5, np.float32))
    fields = {name: getattr(batch, name) for name in TokenBatch.__dataclass_fields__}
    before = copy.deepcopy(fields)
    global_state, numpy_state = random.getstate(), np.random.get_state()[1].copy()
    for array in fields.values():
        array.flags.writeable = False
    strategy.select(batch, keys(8), Budget(0.3))
    for name, array in fields.items():
        np.testing.assert_array_equal(array, before[name])
    assert random.getstate() == global_state
    assert (np.random.get_state()[1] == numpy_state).all()


def test_keys_give_other_masks(strategy, tokenizer, sequences):
    if strategy.name == "global_npmi" and strategy.temperature == 0:
        pytest.skip("the same mask every time is its definition")
    batch = tokenizer.encode_batch(sequences(1, 200) * 20)
    mask = strategy.select(batch, keys(20), Budget(0.15))
    assert len({row.tobytes() for row in mask}) > 15


def test_configuration_and_pickle_round_trip(strategy, tokenizer, sequences):
    assert isinstance(strategy, MaskingStrategy)
    config = strategy.to_config()
    batch = tokenizer.encode_batch(sequences(4, 100))
    expected = strategy.select(batch, keys(4), Budget(0.15))
    for again in (
        pickle.loads(pickle.dumps(strategy)),
        type(strategy).from_config(config),
        create("strategies", json.loads(json.dumps(config))),
    ):
        assert again.to_config() == config
        np.testing.assert_array_equal(again.select(batch, keys(4), Budget(0.15)), expected)


def test_empty_batch(strategy, tokenizer, sequences):
    batch = tokenizer.encode_batch(sequences(2, 50))[:0]
    assert strategy.select(batch, keys(0), Budget(0.15)).shape == (0, batch.input_ids.shape[1])


def test_faulty_offsets_stay_inside_the_arrays(strategy, cutter, sequences):
    """A tokenizer's mistake may give a bad mask, but no access outside the arrays."""
    batch = cutter.encode_batch(sequences(4, 60))
    for shift in (-1000, 1000, 2**30):
        offsets = batch.offsets.copy()
        offsets[:, 3:6] += shift
        mask = strategy.select(dataclasses.replace(batch, offsets=offsets), keys(4), Budget(0.3))
        assert not mask[batch.special_tokens_mask].any()
