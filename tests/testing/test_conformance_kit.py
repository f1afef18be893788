"""The kit itself: good plugins pass everything, each faulty one fails the check named for its fault."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import faulty_plugins as faulty
import numpy as np
import pytest

from dnamask_plugins.errors import PluginError
from dnamask_plugins.testing import CHECKS, CheckFailure, Examination, examine, parametrize_with_checks

pytest_plugins = ["pytester"]

FAULTS = {
    faulty.MasksCls: "special_tokens_are_never_chosen",
    faulty.ShiftedByOne: "special_tokens_are_never_chosen",
    faulty.StopsBeforeSep: "rate_one_chooses_everything",
    faulty.LooksUpPositions: "reads_the_sequence_as_it_says",
    faulty.DrawsFromNumpy: "leaves_global_random_state_alone",
    faulty.DrawsFromPython: "leaves_global_random_state_alone",
    faulty.DrawsFromNowhere: "same_key_same_mask",
    faulty.IndependentTokens: "nothing_leaks",
    faulty.ChangesItsInput: "leaves_its_input_alone",
    faulty.ReturnsIndices: "returns_a_mask",
    faulty.ReturnsIntegers: "returns_a_mask",
    faulty.RaisesOnOneRow: "works_on_one_row",
    faulty.RaisesOnEmptyRows: "works_without_tokens",
    faulty.NeedsSixLetters: "survives_any_batch",
    faulty.MasksTooMuch: "realised_rate_is_the_wanted_one",
    faulty.IgnoresNucleotideBudgets: "nucleotide_budget_is_kept",
    faulty.AlwaysMasksOne: "rate_zero_chooses_nothing",
    faulty.OneKeyForAll: "mask_does_not_depend_on_the_batch",
    faulty.CountsPadding: "mask_does_not_depend_on_padding",
    faulty.HashesStrings: "mask_is_the_same_in_another_process",
    faulty.IgnoresWeights: "weight_zero_is_never_drawn",
    faulty.HidesItsNeed: "takes_the_table_that_it_needs",
    faulty.GoesWithoutItsTable: "takes_the_table_that_it_needs",
    faulty.WantsTheMoon: "takes_the_table_that_it_needs",
    faulty.HoldsArray: "configuration_is_json",
    faulty.SwallowsTypos: "misspelt_parameters_are_refused",
    faulty.HoldsLambda: "can_be_pickled",
    faulty.BadName: "has_a_name",
    faulty.StateNotJson: "state_is_json",
    faulty.StateWithTuple: "state_is_json",
    faulty.EndsTooSoon: "says_something_at_every_step",
    faulty.RemembersInside: "resuming_changes_nothing",
    faulty.ChangesItsState: "leaves_its_arguments_alone",
    faulty.CountsQuestions: "asking_changes_nothing",
    faulty.DrawsItsStrategy: "draws_no_global_random_numbers",
    faulty.TripsOverInfinity: "survives_odd_metrics",
    faulty.SurpriseStrategy: "names_its_strategies_beforehand",
    faulty.ProbesAsList: "probes_are_names",
    faulty.ClosedIntervals: "offsets_are_intervals",
    faulty.CountsFromOne: "offsets_are_intervals",
    faulty.DropsTheEnd: "every_nucleotide_is_covered",
    faulty.IdTooLarge: "ids_are_in_the_vocabulary",
    faulty.PadIsOrdinary: "mask_and_padding_are_special",
    faulty.UnmarkedUnknown: "special_tokens_are_marked",
    faulty.PadsOnTheLeft: "batch_equals_single",
    faulty.CaseMatters: "case_and_uracil_do_not_matter",
    faulty.SwallowsRubbish: "foreign_characters_are_refused",
    faulty.FailsWhenEmpty: "works_on_short_sequences",
    faulty.ListsForArrays: "encodes_to_arrays",
    faulty.RandomPhase: "encoding_is_a_function",
    faulty.ReadsAhead: "offsets_hold_what_is_read",
    faulty.HeadSaysTheLetters: "offsets_hold_what_is_read",
    faulty.ReadsNothing: "every_letter_is_read",
    faulty.SpellsInAnotherOrder: "spells_what_it_covers",
}

GOOD = [faulty.GoodSpan(), faulty.GoodGcFirst(), faulty.GoodSwitch(), faulty.GoodPairs()]


@parametrize_with_checks(GOOD)
def test_good_plugins_keep_every_promise(plugin: object, check: object) -> None:
    check(plugin)  # type: ignore[operator]


@pytest.fixture
def quick_processes(monkeypatch: pytest.MonkeyPatch, warm_python: Path) -> None:
    """Let the kit's new processes be those of `warm_python`."""
    monkeypatch.setattr(sys, "executable", str(warm_python))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_fails_exactly_the_check_named_for_it(fault: type, request: pytest.FixtureRequest) -> None:
    if fault is not faulty.HashesStrings:  # which needs a new interpreter's seed for hashes
        request.getfixturevalue("quick_processes")
    failed = {outcome.check.name: outcome for outcome in examine(fault()) if outcome.status == "failed"}
    assert set(failed) == {FAULTS[fault]}, {name: outcome.detail for name, outcome in failed.items()}
    detail = failed[FAULTS[fault]].detail
    assert all(word in detail for word in ("expected", "came", "example"))


@pytest.mark.usefixtures("quick_processes")
def test_a_forgotten_parameter_is_seen_where_it_differs_from_the_default() -> None:
    outcomes = examine(faulty.ForgetsParameter(unit=5))
    assert [each.check.name for each in outcomes if each.status == "failed"] == ["configuration_round_trips"]


def test_every_check_is_failed_by_some_plugin() -> None:
    """A check that nothing fails may check nothing."""
    # Backbones and tasks have theirs in test_backbones_and_tasks.py.
    classes = ("strategies", "curricula", "tokenizers")
    every = {name for kind in classes for name in CHECKS[kind]}
    assert every == set(FAULTS.values()) | {"configuration_round_trips"}


def test_failures_say_what_was_expected_what_came_and_give_an_example() -> None:
    examination = Examination(faulty.MasksCls())
    with pytest.raises(CheckFailure) as caught:
        examination.run("special_tokens_are_never_chosen")
    assert "False wherever special_tokens_mask is True" in caught.value.expected
    assert "column 0" in caught.value.came
    assert "sequence" in caught.value.example


def test_a_property_fails_with_its_smallest_example() -> None:
    outcome = Examination(faulty.NeedsSixLetters()).outcome("survives_any_batch")
    assert "ValueError: negative dimensions" in outcome.detail
    assert "(2 nucleotides)" in outcome.detail


@pytest.mark.usefixtures("quick_processes")
def test_an_expected_failure_is_told_apart_and_one_that_passes_is_not_hidden() -> None:
    reasons = {"nothing_leaks": "BERT's baseline", "can_be_pickled": "I was told so"}
    status = {each.check.name: each.status for each in examine(faulty.IndependentTokens(), reasons)}
    assert status["nothing_leaks"] == "expected"
    assert status["can_be_pickled"] == "unexpectedly passed"


def test_an_expected_failure_that_is_no_check_is_refused() -> None:
    with pytest.raises(PluginError, match="did you mean 'nothing_leaks'"):
        examine(faulty.GoodSpan(), {"nothing_leak": "?"})


def test_what_is_no_plugin_is_refused() -> None:
    with pytest.raises(PluginError, match="is no plugin"):
        examine(object())


@pytest.mark.usefixtures("quick_processes")
def test_the_kit_leaves_global_random_state_alone() -> None:
    random.seed(3)
    np.random.seed(3)
    before = random.getstate(), np.random.get_state()[1].tobytes()
    examine(faulty.DrawsFromNumpy())
    examine(faulty.DrawsFromPython())
    assert before == (random.getstate(), np.random.get_state()[1].tobytes())


def test_pytest_reports_failures_skips_and_expected_failures(pytester: pytest.Pytester) -> None:
    pytester.syspathinsert(str(faulty.__file__).rsplit("/", 1)[0])
    pytester.makepyfile(
        """
        import faulty_plugins as faulty
        from dnamask_plugins.testing import parametrize_with_checks

        BAD = {"test.span": {"nothing_leaks": "as BERT does", "can_be_pickled": "not true"}}

        @parametrize_with_checks([faulty.IndependentTokens()], expected_failures=BAD)
        def test_expected(plugin, check):
            check(plugin)

        @parametrize_with_checks([faulty.ReturnsIndices()])
        def test_failing(plugin, check):
            check(plugin)
        """
    )
    result = pytester.runpytest("-rA", "-p", "no:cacheprovider")
    outcome = result.parseoutcomes()
    assert outcome["xfailed"] == 1
    assert outcome["failed"] == 2, "the broken one, and the expected failure that did not come"
    assert outcome["skipped"] > 5, "checks that say nothing before the mask is a mask"
    result.stdout.fnmatch_lines(["*CheckFailure: expected a bool array*"])


@pytest.mark.parametrize("kind", sorted(CHECKS))
def test_promises_are_sentences_and_needs_exist(kind: str) -> None:
    for name, check in CHECKS[kind].items():
        assert check.promise.endswith("."), name
        assert len(check.promise) < 110, name
        assert set(check.needs) <= set(CHECKS[kind]), name
    assert json.dumps([check.name for check in CHECKS[kind].values()])
