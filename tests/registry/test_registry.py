"""The registry is data: every file keeps its schema, and what it says agrees with the package."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dnamask_plugins import plugins, registry_index
from dnamask_plugins.errors import InputError
from dnamask_plugins.results.append_only import changed_records

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
REGISTRY = ROOT / "registry"
SCHEMA = json.loads((REGISTRY / "schemas" / "entry.schema.json").read_text())
ENTRIES = registry_index.read_folder(REGISTRY)
IDS = [f"{entry['kind']}/{entry['id']}" for entry in ENTRIES]


def complaints(entry: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [error.message for error in validator.iter_errors(entry)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_an_entry_keeps_the_schema(entry: dict[str, Any]) -> None:
    assert complaints(entry) == []


@pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
def test_a_strangers_name_has_a_vendor_prefix(entry: dict[str, Any]) -> None:
    assert ("." in entry["id"]) == (entry["distribution"] != "dnamask-plugins")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "trusted"},
        {"entry_point": "acme motifs"},
        {"summary": "two\nlines of text"},
        {"summary": "It ends with a full stop."},
        {"id": "../../etc/passwd"},
        {"id": "CamelCase"},
        {"distribution": "acme; rm -rf /"},
        {"kind": "models"},
        {"surplus": 1},
        {"api_version": "1"},
        {"verification": {"date": "today", "version": "1", "dnamask_plugins": "1", "method": "eye"}},
    ],
    ids=str,
)
def test_the_schema_refuses(change: dict[str, Any]) -> None:
    good = ENTRIES[0]
    assert complaints(good) == []
    assert complaints({**good, **change})


@pytest.mark.parametrize(
    "field", ["summary", "distribution", "entry_point", "licence", "status", "verification"]
)
def test_a_verified_entry_needs(field: str) -> None:
    assert complaints({key: value for key, value in ENTRIES[0].items() if key != field})


def test_built_ins_and_entries_are_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {
        (group.removeprefix("dnamask."), name, value)
        for group, names in project["entry-points"].items()
        for name, value in names.items()
    }
    listed = {
        (entry["kind"], entry["id"], entry["entry_point"])
        for entry in ENTRIES
        if entry["distribution"] == project["name"]
    }
    assert listed == declared


def test_the_index_in_the_package_is_built_from_the_folder() -> None:
    advice = "run: python -m dnamask_plugins.registry_index registry"
    assert registry_index.INDEX_FILE.read_text(encoding="utf-8") == registry_index.build(REGISTRY), advice


def test_exceptions_are_names_of_checks() -> None:
    from dnamask_plugins.testing import CHECKS

    for entry in ENTRIES:
        exceptions = entry.get("verification", {}).get("exceptions", {})
        assert set(exceptions) <= set(CHECKS.get(entry["kind"], {})), entry["id"]


def test_every_folder_is_known() -> None:
    known = {*plugins.KINDS, "results", "schemas"}
    assert {path.name for path in REGISTRY.iterdir() if path.is_dir()} <= known


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "acme.bad.toml").write_bytes(b"summary = \xff")
    with pytest.raises(InputError, match=r"acme\.bad\.toml: is no TOML"):
        registry_index.read_folder(tmp_path)


def test_search_needs_every_word() -> None:
    assert {entry["id"] for entry in registry_index.search("GLOBAL", "strategy")} == {"global_npmi"}
    assert registry_index.search("GLOBAL", "no such word") == []
    assert len(registry_index.search()) == len(ENTRIES)


def test_results_are_only_added() -> None:
    """No record that the base has was changed or removed; the base is the main branch, or what CI names."""
    try:
        found = changed_records(REGISTRY / "results", os.environ.get("DNAMASK_BASE_REF"))
    except InputError as error:
        pytest.skip(f"no git history to compare with: {error}")
    assert found == [], "add a new record instead; readers rely on the old one"
