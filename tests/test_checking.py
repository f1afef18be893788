"""Settings of any dataclass are judged by one checker: by the types themselves, never by their text."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import pytest

from dnamask_plugins.checking import checked
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.models.lora import LoraSettings
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.tasks import parse_tasks
from dnamask_plugins.tasks.recipes import Recipe

RUN = {"corpus": "c", "output": "o"}


@dataclasses.dataclass
class Inner:
    share: float = 0.5


@dataclasses.dataclass
class Outer:
    name: str = ""
    count: int | None = None
    on: bool = False
    words: tuple[str, ...] = ()
    form: Literal["a", "b"] = "a"
    table: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    inner: Inner = dataclasses.field(default_factory=Inner)
    anything: Any = None


@pytest.mark.parametrize(
    "values",
    [
        {"count": None}, {"count": 3}, {"on": True}, {"words": ["a"]}, {"words": ("a",)}, {"table": {"x": 1}},
        {"form": "b"}, {"anything": 1}, {"anything": [True]}, {"inner": Inner(1)},
    ],
)  # fmt: skip
def test_what_fits_comes_back_as_it_was(values: dict[str, Any]) -> None:
    assert checked(Outer, values, "here") == values


def test_a_table_becomes_the_dataclass_of_its_field() -> None:
    assert checked(Outer, {"inner": {"share": 1}}, "here") == {"inner": Inner(1)}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": "3"}, r"here: 'count' must be a whole number or left out, not '3'"),
        ({"count": True}, r"'count' must be a whole number or left out, not True"),
        ({"count": 1.5}, r"'count' must be a whole number"),
        ({"name": 3}, r"'name' must be a text, not 3"),
        ({"on": 1}, r"'on' must be true or false, not 1"),
        ({"words": "a"}, r"'words' must be a list, not 'a'"),
        ({"table": [1]}, r"'table' must be a table, not \[1\]"),
        ({"inner": {"share": True}}, r"here, \[inner\]: 'share' must be a number, not True"),
        ({"inner": {"shar": 1}}, r"here, \[inner\]: unknown setting 'shar'; did you mean 'share'"),
        ({"inner": 3}, r"here: 'inner' must be a table, not 3"),
    ],
)
def test_what_does_not_fit_is_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        checked(Outer, values, "here")


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (
            lambda: PretrainSettings.from_mapping({"corpus": "c", "output": "o", "seed": "1"}),
            "'seed' must be",
        ),
        (lambda: PretrainSettings.from_mapping({"corpus": "c"}), "'output' is missing; pass --output"),
        (lambda: Recipe.from_mapping({"global_batch": "32"}, "recipe"), "'global_batch' must be a whole"),
        (lambda: Recipe.from_mapping({"lr": 1}, "recipe"), "unknown recipe setting 'lr'"),
        (lambda: LoraSettings.from_mapping({"r": "4"}), "lora: 'rank' must be a whole number"),
        (lambda: parse_tasks({"task": [{"name": "a/b", "classes": "2"}]}, "t.toml"), "'classes' must be a"),
        (
            lambda: parse_tasks({"suite": {"name": 1}, "task": [{"name": "a/b"}]}, "t.toml"),
            r"\[suite\]: 'name'",
        ),
    ],
)
def test_every_reader_of_settings_uses_it(read: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read()


def test_whole_numbers_and_floats_are_one_setting_of_a_run() -> None:
    one, other = (PretrainSettings.from_mapping({**RUN, "mask": {"repeat_weight": n}}) for n in (1, 1.0))
    assert one.to_mapping() == other.to_mapping()
    assert isinstance(one.mask.repeat_weight, float)
