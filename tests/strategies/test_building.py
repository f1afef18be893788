"""Who gets the table: every class that asks for it, wherever it stands, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dnamask_plugins.curricula.constant import Constant
from dnamask_plugins.errors import ConfigError, PluginError
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.protocols import MaskingStrategy, ScoreTable
from dnamask_plugins.strategies import building
from dnamask_plugins.strategies.building import build_strategies, build_strategy, table_of

TABLE = SimpleNamespace(k=2, scores=np.arange(16.0))


class Plain:
    """No dataclass, no base class: the methods and the declaration, as protocols.py has them."""

    name = "acme.plain"
    needs = ("npmi",)

    def __init__(self, npmi: ScoreTable | None) -> None:
        self.npmi = npmi

    def select(self, batch: Any, key: Any, budget: Any) -> Any:
        return np.zeros(batch.input_ids.shape, dtype=bool)

    def to_config(self) -> dict[str, Any]:
        return {"name": self.name, "npmi": self.npmi}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Plain:
        return cls(config.get("npmi"))


class Confused(Plain):
    needs = ("nmpi",)


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the classes above beside the real plugins."""
    own = {"acme.plain": Plain, "acme.confused": Confused}
    load, create, info = building.load, building.create, building.info
    monkeypatch.setattr(building, "load", lambda kind, name: own.get(name) or load(kind, name))
    monkeypatch.setattr(
        building,
        "create",
        lambda kind, config: (
            own[config["name"]].from_config(config) if config["name"] in own else create(kind, config)
        ),
    )
    origin = SimpleNamespace(origin="acme 1.0")
    monkeypatch.setattr(building, "info", lambda kind, name: origin if name in own else info(kind, name))


@pytest.mark.usefixtures("acme")
def test_a_plain_class_gets_the_table_that_it_asks_for() -> None:
    built = build_strategies(Constant("acme.plain"), None, TABLE)["acme.plain"]
    assert isinstance(built, MaskingStrategy)
    assert built.npmi is TABLE  # type: ignore[attr-defined]
    assert table_of([built]) is TABLE


@pytest.mark.usefixtures("acme")
def test_its_own_table_goes_first_and_none_is_one_line() -> None:
    own = SimpleNamespace(k=1, scores=np.zeros(4))
    assert build_strategy({"name": "acme.plain", "npmi": own}, TABLE).npmi is own  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"'acme\.plain' needs an NPMI table; build one with"):
        build_strategy("acme.plain")


@pytest.mark.usefixtures("acme")
def test_a_need_that_no_run_has_is_refused_by_name() -> None:
    with pytest.raises(PluginError, match="'nmpi', which no run has; it has npmi"):
        build_strategy("acme.confused", TABLE)


@pytest.mark.parametrize(
    "config",
    [
        {"name": "mixture", "strategies": ["genemask", "span"]},
        {"name": "mixture", "strategies": [{"name": "global_npmi", "units": 3}, {"name": "span"}]},
        {"name": "reverse_complement", "inner": "genemask"},
        {
            "name": "reverse_complement",
            "inner": {
                "name": "mixture",
                "strategies": ["span", {"name": "reverse_complement", "inner": "genemask"}],
            },
        },
    ],
)
def test_parts_get_it_too_by_name_or_configuration(config: dict[str, Any]) -> None:
    table = table_of([build_strategy(config, TABLE)])
    assert table is not None
    assert table.scores.tolist() == TABLE.scores.tolist()
    with pytest.raises(ConfigError, match="needs an NPMI table"):
        build_strategy(config)


def test_a_path_is_a_table(tmp_path: Path) -> None:
    NpmiTable.from_sequences(["ACGTTGCAAC" * 40], k=2, min_count=1).save(tmp_path / "two.npmi")
    built = build_strategy("genemask", tmp_path / "two.npmi")
    assert built.to_config()["npmi"]["path"] == str(tmp_path / "two.npmi")


def test_who_asks_for_nothing_gets_nothing() -> None:
    assert build_strategy("span", TABLE).to_config() == build_strategy("span").to_config()
    assert table_of([build_strategy("span", TABLE)]) is None
