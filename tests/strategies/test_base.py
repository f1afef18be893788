"""The base class for other people's strategies."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from dnamask_plugins.budget import Budget, token_rate
from dnamask_plugins.errors import PluginError
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.base import NucleotideStrategy
from dnamask_plugins.tokenizers.kmer import KmerTokenizer


@dataclass(frozen=True)
class Blocks(NucleotideStrategy):
    name: ClassVar[str] = "test.blocks"
    size: int = 5

    def units(self, sequence, rng):
        for start in rng.permutation(max(sequence.length - self.size + 1, 0)):
            yield start, start + self.size


class Listed(NucleotideStrategy):
    name = "test.listed"
    chosen: ClassVar[list] = []

    def units(self, sequence, rng):
        return self.chosen


def select(strategy, texts, rate=0.15, weights=None, tokenizer=None, **budget):
    batch = (tokenizer or KmerTokenizer(1)).encode_batch(texts).with_weights(weights)
    return strategy.select(batch, RngKey.from_step(0, 0, range(len(texts))), Budget(rate, **budget)), batch


def listed(*units, **attributes):
    return type("Some", (Listed,), {"chosen": list(units), **attributes})()


def test_units_are_hidden_in_order_until_the_budget_is_spent():
    mask, _ = select(listed((3, 5), (0, 1), (8, 10)), ["ACGTACGTAC"], 0.3)
    assert np.flatnonzero(mask[0, 1:-1]).tolist() == [0, 3, 4]


def test_every_token_that_shows_a_unit_is_masked(cutter, sequences):
    texts = sequences(1, 60)
    mask, batch = select(listed((20, 30), fill_up=False), texts, 1.0, tokenizer=cutter)
    start, stop = batch.offsets[0].T
    np.testing.assert_array_equal(mask[0], (start < 30) & (stop > 20) & ~batch.special_tokens_mask[0])


def test_rate_is_exact_with_any_tokenizer(tokenizer, sequences):
    mask, batch = select(Blocks(), sequences(300, 120), tokenizer=tokenizer)
    assert abs(token_rate(mask, batch).mean() - 0.15) < 0.01


def test_equals_the_built_in_order_of_hiding(sequences):
    """The kernel for given units and a plain loop agree, and stop at the same place."""
    texts = sequences(40, 100)
    mask, _ = select(Blocks(size=4), texts, 0.2, tokenizer=KmerTokenizer(6))
    key = RngKey.from_step(0, 0, range(40))
    for row in range(40):
        coin, target, chosen = key.uniform(1)[row, 0], 0.2 * 95, set()
        for start in key.generator(row).permutation(97):
            more = chosen | {c for c in range(1, 96) if c - 1 < start + 4 and c + 5 > start}
            if len(more) > target:
                chosen = more if coin < (target - len(chosen)) / (len(more) - len(chosen)) else chosen
                break
            chosen = more
        assert np.flatnonzero(mask[row]).tolist() == sorted(chosen)


def test_fills_up_or_stops_short():
    text = ["ACGTACGTAC" * 10]
    assert select(listed((0, 5)), text)[0].sum() == 15
    assert select(listed((0, 5), fill_up=False), text)[0].sum() == 5
    assert select(listed(), text)[0].sum() == 15


def test_endless_and_lazy_units():
    class Endless(NucleotideStrategy):
        name = "test.endless"

        def units(self, sequence, rng):
            return itertools.repeat((0, 2))

    class Counting(NucleotideStrategy):
        name = "test.counting"
        asked: ClassVar[list] = []

        def units(self, sequence, rng):
            for start in range(sequence.length):
                self.asked.append(start)
                yield start, start + 1

    assert select(Endless(), ["ACGT" * 25])[0].sum() == 15
    select(Counting(), ["A" * 5000], 0.01)
    assert len(Counting.asked) <= 64


def test_more_units_than_the_first_demand(sequences):
    mask, _ = select(listed(*[(start, start + 1) for start in range(500)]), sequences(1, 500), 0.8)
    assert np.flatnonzero(mask[0, 1:-1]).tolist() == list(range(400))


def test_weights_and_unknown_letters():
    weights = np.ones((1, 20), np.float32)
    weights[0, 3] = 0
    units = [(2, 5), (6, 8), (10, 12)]
    mask, _ = select(listed(*units), ["ACGTACNTACGTACGTACGT"], 0.1, weights)
    assert np.flatnonzero(mask[0, 1:-1]).tolist() == [10, 11]


@pytest.mark.parametrize("unit", [(5, 5), (6, 4), (-1, 3), (0, 11), (0.5, 2), 3, (1, 2, 3), ("a", "b")])
def test_a_unit_that_is_no_interval_is_named(unit):
    with pytest.raises(PluginError, match=r"test\.listed.*units\(\)"):
        select(listed(unit), ["ACGTACGTAC"])


def test_view_shows_text_and_cannot_be_written():
    class Writes(NucleotideStrategy):
        name = "test.writes"

        def units(self, sequence, rng):
            assert sequence.text == "ACGTN"
            sequence.codes[0] = 3
            return []

    with pytest.raises(ValueError, match="read-only"):
        select(Writes(), ["acgtr"])


def test_configuration_round_trip():
    assert Blocks.from_config(Blocks(size=9).to_config()) == Blocks(size=9)
    assert listed().to_config() == {"name": "test.listed"}


def test_units_must_be_written():
    with pytest.raises(NotImplementedError, match="units"):
        select(NucleotideStrategy(), ["ACGT"])
