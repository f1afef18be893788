"""Keyed random numbers: SplitMix64's, the same in any order and any batch."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnamask_plugins.rng import RngKey
from dnamask_plugins.splitmix import GAMMA, mix64

WORD = st.integers(0, 2**64 - 1)


def splitmix64(seed: int, count: int) -> list[int]:
    """SplitMix64 as published, in whole numbers of any size."""
    state, found, bits = seed, [], 2**64 - 1
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & bits
        word = state
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & bits
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & bits
        found.append(word ^ (word >> 31))
    return found


def test_published_sequence():
    """First numbers for seed 1234567, as listed with the reference implementations."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert splitmix64(1234567, 4) == expected


@given(seed=WORD)
def test_uniform_is_the_splitmix64_sequence_of_the_word(seed):
    key = RngKey(np.array([seed], dtype=np.uint64))
    expected = [(word >> 11) / 2**53 for word in splitmix64(seed, 6)]
    assert key.uniform(6)[0].tolist() == expected
    assert key.uniform(3)[0].tolist() == expected[:3]


@given(
    seed=st.integers(-(2**63), 2**63 - 1),
    step=st.integers(0, 2**40),
    ids=st.lists(st.integers(0, 2**62), min_size=1, max_size=8, unique=True),
)
def test_a_key_depends_on_seed_step_and_example_alone(seed, step, ids):
    together = RngKey.from_step(seed, step, ids)
    assert len(set(together.words.tolist())) == len(ids)
    for row, example in enumerate(ids):
        assert RngKey.from_step(seed, step, [example]).words[0] == together.words[row]
        assert together[row : row + 1].words[0] == together.words[row]
    for other in (RngKey.from_step(seed ^ 1, step, ids), RngKey.from_step(seed, step + 1, ids)):
        assert not (other.words == together.words).any()


def test_neighbouring_examples_and_steps_are_not_correlated():
    draws = np.concatenate([RngKey.from_step(0, step, range(500)).uniform(40) for step in range(4)])
    assert abs(draws.mean() - 0.5) < 0.004
    assert abs(draws.var() - 1 / 12) < 0.002
    flat = draws[:, 0]
    for lag in (1, 500):
        assert abs(np.corrcoef(flat[:-lag], flat[lag:])[0, 1]) < 0.07
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 0.07
    counts = np.histogram(draws, bins=64, range=(0, 1))[0]
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 120  # 63 degrees of freedom


@given(
    words=st.lists(WORD, min_size=1, max_size=5), tag=st.one_of(st.text(max_size=8), st.integers(-5, 2**70))
)
def test_fold_in_is_a_function_of_the_tag(words, tag):
    key = RngKey(np.array(words, dtype=np.uint64))
    assert (key.fold_in(tag).words == key.fold_in(tag).words).all()
    assert not (key.fold_in(tag).words == key.words).all()
    assert not (key.fold_in("one").words == key.fold_in("other").words).any()


@pytest.mark.parametrize("writeable", [True, False])
def test_keys_may_be_any_rows_of_others(writeable):
    key = RngKey.from_step(0, 0, range(9))
    rows = key.words[::2]
    rows.flags.writeable = writeable
    assert (RngKey(rows).fold_in("one").words == key.fold_in("one").words[::2]).all()
    ids = np.arange(9)[::2]
    ids.flags.writeable = writeable
    assert (RngKey.from_step(0, 0, ids).words == key.words[::2]).all()


def test_generator_is_that_of_the_example():
    key = RngKey.from_step(0, 0, [3, 4])
    np.testing.assert_array_equal(key.generator(1).random(5), key[1:].generator(0).random(5))
    assert not (key.generator(0).random(5) == key.generator(1).random(5)).any()


def test_nothing_global_is_used():
    state, numpy_state = random.getstate(), np.random.get_state()[1].copy()
    RngKey.from_step(0, 0, range(10)).fold_in("a").uniform(3)
    assert random.getstate() == state
    assert (np.random.get_state()[1] == numpy_state).all()


def test_compiled_and_plain_hash_agree():
    from numba import njit

    compiled = njit(mix64)
    words = np.arange(100, dtype=np.uint64) * GAMMA
    assert [int(compiled(word)) for word in words] == mix64(words).tolist()


@pytest.mark.parametrize(
    ("arguments", "word"), [((0, 0, [0]), 4592442835737004512), ((1, 7, [3]), 1356553659690047826)]
)
def test_frozen_keys(arguments, word):
    """Keys decide every mask: changing them breaks the resumption of runs."""
    assert int(RngKey.from_step(*arguments).words[0]) == word
