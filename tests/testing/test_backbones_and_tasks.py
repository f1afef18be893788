"""The kit for backbones and tasks: ours conform, and what breaks a promise is found."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from dnamask_plugins.models.backbones import Backbone
from dnamask_plugins.plugins import load
from dnamask_plugins.tasks import Task, gue
from dnamask_plugins.testing import Suite, examine, parametrize_with_checks

TINY = load("backbones", "bert_tiny")


@parametrize_with_checks([load("backbones", name) for name in ("bert_tiny", "dnabert2", "roberta")])
def test_backbones_conform(plugin: Any, check: Any) -> None:
    check(plugin)


@parametrize_with_checks([Suite(name, load("tasks", name)) for name in ("gue", "gue_plus", "fewshot")])
def test_tasks_conform(plugin: Any, check: Any) -> None:
    check(plugin)


def failed(plugin: Any) -> set[str]:
    return {outcome.check.name for outcome in examine(plugin) if outcome.status == "failed"}


def no_layer(model: Any) -> Any:
    from dnamask_plugins.models.backbones.bert import packed

    encoder = packed(model)

    class Skips(type(encoder)):  # type: ignore[misc]
        def layer(self, layer: Any, hidden: Any, rows: Any, extra: Any, chosen: Any) -> Any:
            return hidden if chosen is None else hidden.index_select(0, chosen[0])

    return Skips()


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"name": "Tiny BERT"}, "has_a_name"),
        ({"summary": " "}, "has_a_name"),
        ({"describes": lambda settings: True}, "recognises_what_it_builds"),
        ({"describes": lambda settings: False}, "recognises_what_it_builds"),
        ({"max_positions": 513}, "takes_rows_as_long_as_it_says"),
    ],
)
def test_a_backbone_that_breaks_a_promise_is_found(changes: dict[str, Any], check: str) -> None:
    assert failed(dataclasses.replace(TINY, **changes)) == {check}


def test_a_wrong_packed_loss_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from dnamask_plugins.models import packed_layers

    wrong = dataclasses.replace(TINY, packed=no_layer)
    monkeypatch.setattr("dnamask_plugins.models.families.installed", lambda: iter([wrong]))
    monkeypatch.setattr(packed_layers, "_FOUND", {})
    assert "the_packed_loss_is_the_loss" in failed(wrong)


def random_weights(tokenizer: Any, seed: int, task: str = "AutoModelForMaskedLM", **settings: Any) -> Any:
    import torch

    return Backbone.build(TINY, tokenizer, int(torch.randint(9**9, ())), task, **settings)


def test_weights_that_ignore_the_seed_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(Backbone):
        build = staticmethod(random_weights)  # type: ignore[assignment]

    careless = Careless(**{each.name: getattr(TINY, each.name) for each in dataclasses.fields(TINY)})
    assert "weights_follow_from_the_seed" in failed(careless)


TASK = Task(name="acme/motif", suite="acme", metric="mcc", classes=2)


@pytest.mark.parametrize(
    ("tasks", "check"),
    [
        ((), "provides_tasks"),
        (("EMP/H3",), "provides_tasks"),
        ((TASK, TASK), "names_tell_tasks_apart"),
        ((dataclasses.replace(TASK, suite=""),), "names_tell_tasks_apart"),
        ((dataclasses.replace(gue()[0], classes=7),), "is_not_taken_for_a_suite_that_ships_here"),
        (
            (dataclasses.replace(TASK, recipes={"any": {"learning_rat": 1}}),),
            "settings_hold_for_every_family",
        ),
    ],
)
def test_a_suite_that_breaks_a_promise_is_found(tasks: tuple[Any, ...], check: str) -> None:
    assert failed(Suite("acme", tasks)) == {check}


def test_a_suite_that_changes_is_found() -> None:
    import itertools

    count = itertools.count()
    changing = Suite("acme", lambda: [dataclasses.replace(TASK, title=str(next(count)))])
    assert failed(changing) == {"gives_the_same_tasks_each_time"}
