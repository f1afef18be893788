"""GLOBAL against golden answers of the original and a plain ranking."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dnamask_plugins.budget import Budget, token_rate
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.global_npmi import GlobalNpmi
from dnamask_plugins.tokenizers.kmer import KmerTokenizer


@pytest.mark.parametrize(("lookup", "field"), [("kmer", "global_corrected"), ("position", "global_released")])
def test_golden_masks(shared_data, released, lookup, field):
    records = json.loads((shared_data / "golden/genemask_6mer_masks.json").read_text())
    batch = KmerTokenizer(6).encode_batch([record["sequence"] for record in records])
    for row, record in enumerate(records):
        strategy = GlobalNpmi(released, units=record["global_k"], lookup=lookup)
        mask = strategy.select(batch[row : row + 1], RngKey.from_step(0, 0, [row]), Budget(0.15))
        assert np.flatnonzero(mask[0]).tolist() == sorted(record[field])


def ranked_windows(text, table):
    found = []
    for start in range(len(text) - table.k + 1):
        word = text[start : start + table.k]
        if set(word) <= set("ACGT"):
            value = table.scores[int(word.translate(str.maketrans("ACGT", "0123")), 4)]
            if not np.isnan(value):
                found.append((-value, start))
    return [start for _, start in sorted(found)]


@pytest.mark.parametrize("rate", [0.05, 0.15, 0.5])
def test_exact_budget_is_spent_from_the_top_down_in_whole_units(tokenizer, table, sequences, rate):
    texts = sequences(8, 150) + sequences(4, 150, letters="ACGTACGTACGTN")
    batch = tokenizer.encode_batch(texts)
    mask = GlobalNpmi(table).select(batch, RngKey.from_step(0, 0, range(12)), Budget(rate))
    for row, text in enumerate(texts):
        columns = np.flatnonzero(~batch.special_tokens_mask[row])
        target, chosen = rate * len(columns), set()
        for window in ranked_windows(text, table):
            more = chosen | {
                c
                for c in columns.tolist()
                if batch.offsets[row, c, 0] < window + 6 and batch.offsets[row, c, 1] > window
            }
            if len(more) >= target:
                break
            chosen = more
        else:
            continue  # scored windows ran out: the rest is random
        assert np.flatnonzero(mask[row]).tolist() in (sorted(chosen), sorted(more))


@pytest.mark.parametrize("lookup", ["kmer", "position"])
@pytest.mark.parametrize("length", [60, 131, 515])
def test_exact_budget_is_met_on_average_over_sequences(table, sequences, lookup, length):
    """A fixed rounding of the last unit would mask 0.17 of the tokens of all windows of 131 nucleotides."""
    batch = KmerTokenizer(6).encode_batch(sequences(3000, length))
    strategy = GlobalNpmi(table, lookup=lookup)
    rates = token_rate(strategy.select(batch, RngKey.from_step(0, 0, range(3000)), Budget(0.15)), batch)
    assert abs(rates.mean() - 0.15) < 4 * rates.std() / np.sqrt(3000)
    assert abs(rates - 0.15).max() * (length - 5) <= 11


def test_key_plays_no_part_at_temperature_0(table, sequences):
    batch = KmerTokenizer(6).encode_batch(sequences(10, 300))
    masks = [GlobalNpmi(table).select(batch, RngKey.from_step(s, 0, range(10)), Budget(0.15)) for s in (1, 2)]
    assert (masks[0] == masks[1]).all()


def test_noise_follows_the_gumbel_distribution():
    """The first unit is drawn with probability softmax(score / temperature)."""
    from types import SimpleNamespace

    table = SimpleNamespace(k=1, scores=np.array([0.0, 0.5, 1.0, np.nan]))
    batch = KmerTokenizer(1).encode_batch(["ACGT"] * 20000)
    for temperature in (0.4, 1.0):
        mask = GlobalNpmi(table, temperature=temperature, units=1).select(
            batch, RngKey.from_step(0, 0, range(20000)), Budget(0.15)
        )
        expected = np.exp(np.array([0, 0.5, 1.0]) / temperature)
        np.testing.assert_allclose(mask[:, 1:4].mean(axis=0), expected / expected.sum(), atol=0.012)
        assert not mask[:, 4].any()


def test_low_temperature_comes_near_temperature_0(table, sequences):
    batch = KmerTokenizer(6).encode_batch(sequences(20, 300))
    key = RngKey.from_step(0, 0, range(20))
    cold = GlobalNpmi(table).select(batch, key, Budget(0.15))
    overlap = [
        (cold & GlobalNpmi(table, temperature=t).select(batch, key, Budget(0.15))).sum() / cold.sum()
        for t in (0.02, 0.5, 5.0)
    ]
    assert overlap[0] > 0.9 > overlap[1] > overlap[2]


def test_bernoulli_number_of_units(table, sequences):
    """0.0136 is the centre rate of the released program: 11 tokens a unit, fewer where they overlap."""
    batch = KmerTokenizer(6).encode_batch(sequences(500, 515))
    key = RngKey.from_step(0, 0, range(500))
    derived = token_rate(GlobalNpmi(table).select(batch, key, Budget(0.15, draw="bernoulli")), batch)
    given = GlobalNpmi(table, center_rate=0.0136).select(batch, key, Budget(0.5, draw="bernoulli"))
    assert 0.11 < derived.mean() < 0.15
    assert abs(token_rate(given, batch).mean() - derived.mean()) < 0.004
    assert derived.std() > 0.02


@pytest.mark.parametrize("parameters", [{"temperature": -1.0}, {"temperature": 1e-4}, {"units": -1}])
def test_refused_parameters(table, parameters):
    with pytest.raises(ConfigError):
        GlobalNpmi(table, **parameters)
