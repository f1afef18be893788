"""Stages that begin when the one before is learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnamask_plugins.budget import Budget
from dnamask_plugins.curricula.cm_gems import CMGems
from dnamask_plugins.curricula.unknown_letters import UnknownLetters
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.plugins import create
from dnamask_plugins.protocols import State
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.building import build_strategies


def follow(curriculum: UnknownLetters, *evaluations: dict[str, float]) -> State:
    state = curriculum.initial_state()
    for number, measured in enumerate(evaluations):
        each = {f"perplexity/{label}": value for label, value in measured.items()}
        state = curriculum.update(state, 100 * (number + 1), {"perplexity": 1.0, **each})
    return state


def test_a_stage_ends_after_patience_and_reads_its_own_mask_only() -> None:
    curriculum = UnknownLetters([[1], [11]], [0.3, 0.15], relative=0.02, patience=2)
    rows = [{"span_1": value, "span_11": 4000.0} for value in (1000.0, 990.0, 900.0, 895.0)]
    assert follow(curriculum, *rows)["stage"] == 0
    assert follow(curriculum, *rows, {"span_1": 894.0, "span_11": 1.0})["stage"] == 1


def test_a_drop_counts_by_its_fraction() -> None:
    curriculum = UnknownLetters([[1], [11]], [0.3, 0.15], relative=0.02, patience=1)
    assert follow(curriculum, {"span_1": 5.0}, {"span_1": 4.8})["stage"] == 0
    assert follow(curriculum, {"span_1": 5000.0}, {"span_1": 4999.0})["stage"] == 1


def test_a_new_stage_forgets_what_was_measured_and_the_last_one_stays() -> None:
    curriculum = UnknownLetters([[1], [6], [11]], [0.3, 0.2, 0.1], patience=1)
    flat = {"span_1": 4.0, "span_6": 90.0, "span_11": 900.0}
    states = [follow(curriculum, *[flat] * count)["stage"] for count in range(1, 8)]
    assert states == [0, 1, 1, 2, 2, 2, 2]


def test_earlier_steps_keep_their_stage() -> None:
    curriculum = UnknownLetters([[1], [6]], [0.3, 0.2], patience=1)
    state = follow(curriculum, {"span_1": 4.0}, {"span_1": 4.0})
    assert [curriculum.spec(state, step).mask_rate for step in (0, 199, 200, 10**9)] == [0.3, 0.3, 0.2, 0.2]


def test_its_strategies_hide_units_of_its_lengths() -> None:
    curriculum = UnknownLetters()
    built = build_strategies(curriculum)
    assert tuple(built) == ("span_1", "span_2_3_4_5_6", "span_11_16")
    batch = create("tokenizers", "kmer", k=6).encode_batch(["ACGTTGCAAC" * 20])
    key = RngKey.from_step(0, 0, np.arange(1))
    shortest = {"span_1": 6, "span_2_3_4_5_6": 7, "span_11_16": 16}
    for label, strategy in built.items():
        mask = strategy.select(batch, key, Budget(0.1))[0]
        runs = np.diff(np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(int), [0])))))[::2]
        assert runs.max() >= shortest[label]


def test_settings_of_the_user_win_over_those_of_the_curriculum() -> None:
    curriculum = UnknownLetters([[1]], [0.3])
    built: Any = build_strategies(curriculum, {"span_1": {"name": "span", "length": 9}})
    assert built["span_1"].length == 9


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"lengths": [[1], [2]], "rates": [0.3]}, "1 rates for 2 stages"),
        ({"lengths": [1], "rates": [0.3]}, "must be a list of lengths"),
        ({"lengths": [[0]], "rates": [0.3]}, "at least 1"),
        ({"lengths": [[1], [1]], "rates": [0.3, 0.2]}, "twice"),
        ({"lengths": [[1]], "rates": [1.5]}, "outside"),
        ({"relative": 2.0}, "fraction in"),
        ({"patience": 0}, "at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        UnknownLetters(**parameters)


def test_a_run_goes_through_its_stages(tiny: Any, tmp_path: Path) -> None:
    from dnamask_plugins.pretrain.run import pretrain

    curriculum = {"name": "unknown_letters", "patience": 1, "relative": 0.99}
    run = pretrain(tiny("stages", curriculum=curriculum), quiet=True)
    assert run.record["curriculum"]["state"]["began"] == [0, 4]
    rows = [row for row in run.history if "loss" in row]
    assert [row["strategy/span_1"] for row in rows] == [1, 1, 1, 1, 0, 0]


class TestRelativeThreshold:
    def test_switches_on_a_fraction(self) -> None:
        curriculum = CMGems(relative=0.02)
        state = curriculum.initial_state()
        switched = []
        for step, perplexity in enumerate((4000.0, 3000.0, 2950.0, 2945.0)):
            state = curriculum.update(state, step, {"perplexity": perplexity})
            switched.append(state["switch_step"])
        assert switched == [None, None, 2, 2]

    def test_holds_on_where_the_papers_threshold_would_switch(self) -> None:
        papers, relative = CMGems(), CMGems(relative=0.02)
        states = [each.initial_state() for each in (papers, relative)]
        for step, perplexity in enumerate((5.0, 4.5)):
            states = [
                each.update(state, step, {"perplexity": perplexity})
                for each, state in zip((papers, relative), states, strict=True)
            ]
        assert [state["switch_step"] for state in states] == [1, None]

    def test_default_keeps_its_configuration_and_fingerprint(self) -> None:
        assert "relative" not in CMGems().to_config()
        assert CMGems.from_config(CMGems(relative=0.02).to_config()) == CMGems(relative=0.02)
        with pytest.raises(ConfigError, match="fraction in"):
            CMGems(relative=1.5)
