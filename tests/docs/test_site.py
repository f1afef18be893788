"""Generated pages of the site hold what they are made from; building the site itself is a step of CI."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

EXTENSION = Path(__file__).resolve().parents[2] / "docs" / "_ext"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    monkeypatch.syspath_prepend(str(EXTENSION))
    return lambda name: import_module(name).write()


def test_every_command_and_option_is_there(page: Callable[[str], str]) -> None:
    text = page("cli_page")
    for command in ("pretrain", "gue run", "results compare", "npmi build", "mask"):
        assert f"`dnamask {command}`" in text
    assert "| `--accumulation` |" in text


def test_every_setting_is_there(page: Callable[[str], str]) -> None:
    from dnamask_plugins.pretrain.settings import PretrainSettings, WindowSettings

    text = page("settings_page")
    for each in dataclasses.fields(WindowSettings):
        assert f"`windows.{each.name}`" in text
    assert {each.name for each in dataclasses.fields(PretrainSettings)} >= {"seed", "backbone"}
    assert "| `seed` |" in text


def test_every_entry_point_is_there_with_what_it_does(page: Callable[[str], str]) -> None:
    text = page("plugins_page")
    for name in ("genemask", "cm_gems", "kmer", "dnabert2", "gue"):
        assert f"| `{name}` |" in text
    for line in text.splitlines():
        if line.startswith("| `") and not line.startswith("| `dnamask."):
            assert len(line.split("|")[2].strip()) > 10, line


def test_fields_of_a_record_are_there(page: Callable[[str], str]) -> None:
    assert "`task" in page("records_page")
