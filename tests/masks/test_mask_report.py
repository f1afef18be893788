"""The leak figures are those measured on the original programs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dnamask_plugins.budget import Budget
from dnamask_plugins.masks.report import report
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.random_token import RandomToken
from dnamask_plugins.strategies.span import Span
from dnamask_plugins.tokenizers.kmer import KmerTokenizer


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return KmerTokenizer(6).encode_batch(["".join(rng.choice(list("ACGT"), 515)) for _ in range(640)])


def measured(strategy, batch):
    mask = strategy.select(batch, RngKey.from_step(0, 0, range(len(batch))), Budget(0.15, draw="bernoulli"))
    return report([(mask[:320], batch[:320]), (mask[320:], batch[320:])])


def test_independent_masking_leaks(batch):
    """20 batches of random ids: 0.150 masked, 0.001 hidden, 0.995 recoverable, 0.004 with one hidden base."""
    found = measured(RandomToken(), batch)
    assert found.examples == 640
    assert found.token_rate == pytest.approx(0.150, abs=0.003)
    assert found.hidden_nucleotides == pytest.approx(0.001, abs=0.001)
    assert found.recoverable == pytest.approx(0.995, abs=0.003)
    assert found.one_hidden == pytest.approx(0.004, abs=0.002)
    assert found.mean_hidden == pytest.approx(0.01, abs=0.01)


def test_blocks_around_centres_leak_all_but_one_base(batch):
    """DNABERT's 0.025: 0.140 masked, 0.033 hidden, 0.820 with exactly one hidden base, 1.43 on average."""
    found = measured(Span(center_rate=0.025), batch)
    assert found.token_rate == pytest.approx(0.140, abs=0.004)
    assert found.hidden_nucleotides == pytest.approx(0.033, abs=0.008)
    assert found.one_hidden == pytest.approx(0.820, abs=0.03)
    assert found.mean_hidden == pytest.approx(1.43, abs=0.25)
    assert found.recoverable < 0.01


def test_nothing_masked_and_nothing_given(batch):
    nothing = report([(np.zeros(batch.input_ids.shape, bool), batch)])
    assert nothing.token_rate == 0
    assert math.isnan(nothing.recoverable)
    assert report([]).examples == 0


def test_single_letters_hide_what_they_mask():
    batch = KmerTokenizer(1).encode_batch(["ACGTACGTAC"])
    mask = RandomToken().select(batch, RngKey.from_step(0, 0, [0]), Budget(0.3))
    found = report([(mask, batch)])
    assert (found.token_rate, found.hidden_nucleotides, found.one_hidden) == pytest.approx((0.3, 0.3, 1.0))
