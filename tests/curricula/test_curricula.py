"""Every built-in curriculum in one table, then what is particular to each."""

from __future__ import annotations

import json
import math
import pickle
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnamask_plugins.curricula.cm_gems import CMGems
from dnamask_plugins.curricula.cm_step import CMStep
from dnamask_plugins.curricula.constant import Constant
from dnamask_plugins.curricula.join import Join
from dnamask_plugins.curricula.learning_gain import LearningGain
from dnamask_plugins.curricula.piecewise import Piecewise
from dnamask_plugins.curricula.schedules import Cosine, Linear
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.plugins import create
from dnamask_plugins.protocols import Curriculum

ALL = [
    Constant("span", 0.3),
    Linear("span", 0.3, 0.1, steps=100),
    Cosine("genemask", 0.1, 0.3, steps=100),
    Piecewise([("span", 0.15), ("genemask", 0.2)], [10]),
    Join([CMGems(), Constant("span")], [1000]),
    CMStep(steps=100),
    CMStep(steps=1000, stages=100, final_share=0.99, easy="span", draw="batch"),
    CMGems(),
    CMGems(patience=3, rule="either", probe="current"),
    LearningGain(["span", "genemask", "global_npmi"]),
]


@pytest.mark.parametrize("curriculum", ALL, ids=lambda curriculum: curriculum.name)
class TestEveryCurriculum:
    def test_keeps_the_contract(self, curriculum: Curriculum) -> None:
        assert isinstance(curriculum, Curriculum)
        assert set(curriculum.probes) <= {*curriculum.strategies, "current"}

    @pytest.mark.parametrize("step", [0, 1, 9, 10, 99, 100, 101, 999, 1000, 10**6, 10**9])
    def test_is_total_and_names_only_its_strategies(self, curriculum: Curriculum, step: int) -> None:
        spec = curriculum.spec(curriculum.initial_state(), step)
        assert {name for name, _ in spec.weights} <= set(curriculum.strategies)
        assert math.isclose(sum(share for _, share in spec.weights), 1)
        assert 0 < spec.mask_rate <= 1

    def test_survives_a_round_trip(self, curriculum: Curriculum) -> None:
        config = json.loads(json.dumps(curriculum.to_config()))
        again = create("curricula", config)
        assert again.to_config() == curriculum.to_config()
        assert again.fingerprint() == curriculum.fingerprint()
        assert pickle.loads(pickle.dumps(curriculum)).to_config() == curriculum.to_config()

    @given(perplexities=st.lists(st.floats(1, 5000), max_size=8))
    def test_state_is_json_and_resumes_without_drift(
        self, curriculum: Curriculum, perplexities: list[float]
    ) -> None:
        state = resumed = curriculum.initial_state()
        for index, perplexity in enumerate(perplexities):
            metrics = {"perplexity": perplexity}
            before = json.dumps(state)
            following = curriculum.update(state, 500 * (index + 1), metrics)
            assert json.dumps(state) == before
            state = following
            resumed = json.loads(json.dumps(curriculum.update(resumed, 500 * (index + 1), metrics)))
            assert curriculum.spec(state, 500 * index + 600) == curriculum.spec(resumed, 500 * index + 600)


def run(curriculum: CMGems, perplexities: list[float]) -> int | None:
    state = curriculum.initial_state()
    for index, perplexity in enumerate(perplexities):
        state = curriculum.update(state, 500 * (index + 1), {"perplexity": perplexity})
    return state["switch_step"]


@pytest.mark.parametrize(
    ("perplexities", "expected"),
    [
        ([100.0], None),
        ([100.0, 98.0, 96.9], None),
        ([100.0, 99.0], None),
        ([100.0, 99.01], 1000),
        ([100.0, 98.0, 99.0], 1500),
        ([100.0, 300.0], 1000),
        ([100.0, 99.5, 50.0, 10.0], 1000),
        ([100.0, math.inf, 99.5], 1500),
        ([math.nan, 100.0, 90.0], None),
    ],
)
def test_cm_gems_switches_when_the_drop_is_below_one(perplexities: list[float], expected: int | None) -> None:
    assert run(CMGems(), perplexities) == expected


def test_cm_gems_released_rule_reads_either_direction() -> None:
    released = CMGems(rule="either", probe="current")
    assert run(released, [100.0, 300.0]) is None
    assert run(released, [100.0, 300.0, 300.5]) == 1500
    assert released.probes == ("current",)


def test_cm_gems_patience_counts_evaluations_in_a_row() -> None:
    assert run(CMGems(patience=2), [100.0, 99.5, 90.0, 89.5]) is None
    assert run(CMGems(patience=2), [100.0, 99.5, 99.4]) == 1500


def test_cm_gems_takes_effect_at_the_switch_step_and_ignores_a_repeated_evaluation() -> None:
    curriculum = CMGems()
    state = curriculum.initial_state()
    for step, perplexity in ((500, 100.0), (1000, 99.9)):
        state = curriculum.update(state, step, {"perplexity": perplexity})
    assert curriculum.spec(state, 999).weights == (("genemask", 1.0),)
    assert curriculum.spec(state, 1000).weights == (("global_npmi", 1.0),)
    assert curriculum.update(state, 1000, {"perplexity": 5.0}) == state


def test_cm_step_has_ten_equal_stages_from_all_easy_to_all_hard() -> None:
    curriculum = CMStep(steps=1000)
    shares = [dict(curriculum.spec({}, step).weights).get("global_npmi", 0.0) for step in range(1000)]
    assert shares == pytest.approx([step // 100 / 9 for step in range(1000)])


def test_cm_step_as_released_draws_per_batch_with_stage_hundredths() -> None:
    curriculum = CMStep(steps=100_000, stages=100, final_share=0.99, easy="span", draw="batch")
    hard = [curriculum.spec({}, step).weights[0][0] == "global_npmi" for step in range(60_000, 61_000)]
    assert all(len(curriculum.spec({}, step).weights) == 1 for step in range(0, 100_000, 997))
    assert sum(hard) / len(hard) == pytest.approx(0.60, abs=0.05)


def test_schedules_reach_their_ends_and_are_monotone() -> None:
    for curriculum in (Linear("span", 0.3, 0.1, steps=100), Cosine("span", 0.3, 0.1, steps=100)):
        rates = [curriculum.spec({}, step).mask_rate for step in range(150)]
        assert rates[0] == pytest.approx(0.3)
        assert rates[100] == pytest.approx(0.1)
        assert rates[50] == pytest.approx(0.2)
        assert all(a >= b for a, b in pairwise(rates))


def test_join_counts_each_part_from_its_own_beginning_and_updates_only_the_active_one() -> None:
    joined = Join([{"name": "constant", "strategy": "span"}, {"name": "cm_gems"}], [1000])
    state = joined.initial_state()
    state = joined.update(state, 500, {"perplexity": 10.0})
    assert state == joined.initial_state()
    for step, perplexity in ((1500, 10.0), (2000, 9.9)):
        state = joined.update(state, step, {"perplexity": 1e9, "perplexity/genemask": perplexity})
    assert state["parts"][1]["switch_step"] == 1000
    assert joined.spec(state, 2000).weights == (("global_npmi", 1.0),)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Constant(mask_rate=0),
        lambda: Constant(mask_rate=1.2),
        lambda: Linear(steps=0),
        lambda: Piecewise([("span", 0.15)], [3]),
        lambda: Piecewise([("span", 0.15), ("span", 0.2), ("span", 0.3)], [5, 5]),
        lambda: CMStep(stages=1),
        lambda: CMStep(final_share=1.5),
        lambda: CMGems(patience=0),
        lambda: CMGems(rule="sometimes"),  # type: ignore[arg-type]
        lambda: CMGems.from_config({"treshold": 2}),
        lambda: CMGems().update(CMGems().initial_state(), 1, {"loss": 1.0}),
    ],
)
def test_bad_parameters_are_one_clear_line(make: object) -> None:
    with pytest.raises(ConfigError) as caught:
        make()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
