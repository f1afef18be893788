"""The curriculum that follows measured gain: its shares worked out by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnamask_plugins.curricula.learning_gain import LearningGain
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.plugins import create
from dnamask_plugins.protocols import State

NAMES = ("span", "genemask", "global_npmi")


def evaluate(curriculum: LearningGain, state: State, step: int, *losses: float) -> State:
    figures = [math.exp(loss) for loss in losses]
    named = {f"perplexity/{name}": each for name, each in zip(curriculum.candidates, figures, strict=True)}
    return curriculum.update(state, step, {"perplexity": figures[0], **named})


def test_shares_are_equal_until_a_gain_was_measured() -> None:
    curriculum = LearningGain()
    state = evaluate(curriculum, curriculum.initial_state(), 100, 7.0, 6.0, 5.0)
    assert curriculum.spec(state, 100).weights == tuple((name, pytest.approx(1 / 3)) for name in NAMES)


def test_shares_follow_the_gains() -> None:
    curriculum = LearningGain(NAMES, floor=0.3, smoothing=1.0)
    state = evaluate(curriculum, curriculum.initial_state(), 100, 7.0, 6.0, 5.0)
    state = evaluate(curriculum, state, 200, 6.7, 5.9, 5.5)  # gains 0.3, 0.1 and none
    assert dict(curriculum.spec(state, 200).weights) == pytest.approx(
        {"span": 0.1 + 0.7 * 0.75, "genemask": 0.1 + 0.7 * 0.25, "global_npmi": 0.1}
    )


def test_the_order_comes_back_when_the_gains_do() -> None:
    curriculum = LearningGain(["span", "genemask"], floor=0.2, smoothing=1.0)
    state = evaluate(curriculum, curriculum.initial_state(), 1, 7.0, 7.0)
    first = evaluate(curriculum, state, 2, 6.0, 7.0)
    second = evaluate(curriculum, first, 3, 6.0, 6.5)
    third = evaluate(curriculum, second, 4, 5.5, 6.5)
    assert [each["share"] for each in (first, second, third)] == [
        pytest.approx(pair) for pair in ([0.9, 0.1], [0.1, 0.9], [0.9, 0.1])
    ]


def test_smoothing_remembers() -> None:
    curriculum = LearningGain(["span", "genemask"], floor=0.0, smoothing=0.25)
    state = evaluate(curriculum, curriculum.initial_state(), 1, 7.0, 7.0)
    state = evaluate(curriculum, state, 2, 6.0, 7.0)
    state = evaluate(curriculum, state, 3, 6.0, 6.0)  # gains 0.75 * 1 and 0.25 * 1
    assert state["share"] == pytest.approx([0.75, 0.25])


def test_without_any_gain_the_shares_are_equal() -> None:
    curriculum = LearningGain(["span", "genemask"], smoothing=1.0)
    state = evaluate(curriculum, curriculum.initial_state(), 1, 7.0, 7.0)
    state = evaluate(curriculum, evaluate(curriculum, state, 2, 6.0, 7.0), 3, 6.5, 7.5)
    assert state["share"] == [0.5, 0.5]


@pytest.mark.parametrize("loss", [math.inf, math.nan])
def test_an_evaluation_that_is_no_number_is_passed_over(loss: float) -> None:
    curriculum = LearningGain(["span", "genemask"])
    state = evaluate(curriculum, curriculum.initial_state(), 1, 7.0, 6.0)
    after = curriculum.update(state, 2, {"perplexity/span": loss, "perplexity/genemask": 3.0})
    assert after == {**state, "evaluated_step": 2}


def test_an_evaluation_that_is_handed_in_twice_counts_once() -> None:
    curriculum = LearningGain(["span", "genemask"])
    state = evaluate(curriculum, curriculum.initial_state(), 10, 7.0, 6.0)
    assert evaluate(curriculum, state, 10, 1.0, 6.0) is state


@given(st.lists(st.lists(st.floats(-3, 12), min_size=3, max_size=3), max_size=6), st.floats(0, 1))
def test_shares_sum_to_one_and_keep_the_floor(losses: list[list[float]], floor: float) -> None:
    curriculum = LearningGain(floor=floor)
    state = curriculum.initial_state()
    for step, row in enumerate(losses):
        state = json.loads(json.dumps(evaluate(curriculum, state, step, *row)))
        assert sum(state["share"]) == pytest.approx(1)
        assert min(state["share"]) >= floor / 3 - 1e-9
        curriculum.spec(state, step)


@pytest.mark.parametrize(
    "settings",
    [
        {"candidates": ["span"]},
        {"candidates": "span"},
        {"candidates": ["span", "span", "genemask"]},
        {"floor": -0.1},
        {"floor": 1.1},
        {"smoothing": 0.0},
        {"mask_rate": 0.0},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        create("curricula", {"name": "learning_gain", **settings})
