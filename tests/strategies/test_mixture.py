"""Mixtures draw a strategy for each example."""

from __future__ import annotations

import numpy as np
import pytest

from dnamask_plugins.budget import Budget
from dnamask_plugins.errors import ConfigError, PluginError
from dnamask_plugins.masking import select_mixture
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.mixture import Mixture
from dnamask_plugins.tokenizers.kmer import KmerTokenizer


def longest_runs(mask):
    return np.array([max(map(len, "".join("01"[int(bit)] for bit in row).split("0"))) for row in mask])


def test_shares_are_those_of_the_weights(sequences):
    mixture = Mixture([{"name": "span", "length": 1}, {"name": "span", "length": 40}], weights=[3, 1])
    batch = KmerTokenizer(1).encode_batch(sequences(4000, 100))
    runs = longest_runs(mixture.select(batch, RngKey.from_step(0, 0, range(4000)), Budget(0.4)))
    assert abs((runs > 25).mean() - 0.25) < 0.03


def test_an_outer_draw_does_not_repeat_inside(sequences):
    inner = Mixture([{"name": "span", "length": 1}, {"name": "span", "length": 40}])
    batch = KmerTokenizer(1).encode_batch(sequences(2000, 100))
    key = RngKey.from_step(0, 0, range(2000))
    outer = select_mixture([inner, inner], np.array([0.5, 0.5]), batch, key, Budget(0.4))
    from dnamask_plugins.masking import draw_component

    component = draw_component(np.array([0.5, 0.5]), key)
    long = longest_runs(outer) > 25
    assert abs(long[component == 0].mean() - 0.5) < 0.06
    assert abs(long[component == 1].mean() - 0.5) < 0.06


@pytest.mark.parametrize(
    "parameters",
    [
        {"strategies": []},
        {"strategies": "span"},
        {"strategies": ["span"], "weights": [1, 2]},
        {"strategies": ["span"], "weights": [0]},
        {"strategies": ["span", "span"], "weights": [2, -1]},
    ],
)
def test_refused(parameters):
    with pytest.raises(ConfigError):
        Mixture(**parameters)


def test_unknown_name_gets_a_suggestion():
    with pytest.raises(PluginError, match="genemask"):
        Mixture(["gene_mask"])
