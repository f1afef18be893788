"""What ``dnamask new`` writes works at once: it installs, is found, passes the kit and its own tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dnamask_plugins.errors import ConfigError, InputError, PluginError
from dnamask_plugins.scaffold import write_package

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Run = Callable[..., subprocess.CompletedProcess[str]]

KINDS = {
    "strategy": "strategies",
    "curriculum": "curricula",
    "tokenizer": "tokenizers",
    "backbone": "backbones",
    "task": "tasks",
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    parent = tmp_path_factory.mktemp("new")
    return {kind: write_package(kind, f"acme.my_{kind}", parent) for kind in KINDS}


@pytest.fixture(scope="module")
def site(packages: dict[str, Path], install: Callable[..., Path]) -> Path:
    return install(*packages.values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_complete(packages: dict[str, Path], kind: str) -> None:
    folder = packages[kind]
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "pyproject.toml",
        "README.md",
        ".gitignore",
        ".github/workflows/tests.yml",
        f"acme_my_{kind}/__init__.py",
        f"acme_my_{kind}/{kind}.py",
        f"tests/test_my_{kind}.py",
    }
    text = "".join((folder / name).read_text() for name in files)
    assert "{{ name" not in text
    assert "{%" not in text
    assert "${{ matrix.python }}" in text


@pytest.mark.parametrize("kind", KINDS)
def test_it_passes_the_kit_and_says_how_to_register(site: Path, run: Run, kind: str, tmp_path: Path) -> None:
    import jsonschema

    done = run("-m", "dnamask_plugins", "check", f"acme.my_{kind}", site=site, cwd=tmp_path)
    assert not list(tmp_path.iterdir()), "a check leaves nothing behind"
    assert "FAILED" not in done.stdout
    lines = done.stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("summary = "))
    entry = tomllib.loads("\n".join(lines[start:]))
    schema = json.loads((Path(__file__).parents[2] / "registry/schemas/entry.schema.json").read_text())
    jsonschema.validate({"kind": KINDS[kind], "id": f"acme.my_{kind}", **entry}, schema)
    assert "verification" not in entry, "that is for a maintainer to add"
    vouched = run("-m", "dnamask_plugins", "check", f"acme.my_{kind}", "--vouch", site=site, cwd=tmp_path)
    record = tomllib.loads(vouched.stdout[vouched.stdout.index("[verification]") :])["verification"]
    assert record["passed"] >= {"backbone": 10, "task": 5}.get(kind, 14)
    jsonschema.validate(
        {"kind": KINDS[kind], "id": f"acme.my_{kind}", **entry, "status": "verified", "verification": record},
        schema,
    )


def test_their_own_tests_pass(packages: dict[str, Path], site: Path, run: Run, tmp_path: Path) -> None:
    folders = [str(folder / "tests") for folder in packages.values()]
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *folders, site=site, cwd=tmp_path)
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout


def test_they_are_listed_with_their_distribution(site: Path, run: Run) -> None:
    rows = json.loads(run("-m", "dnamask_plugins", "list", "--json", site=site).stdout)
    found = {row["name"]: row for row in rows}
    for kind, plural in KINDS.items():
        assert found[f"acme.my_{kind}"] == {
            "kind": plural,
            "name": f"acme.my_{kind}",
            "distribution": f"acme-my-{kind}",
            "version": "0.1.0",
            "status": "unregistered",
        }


def test_info_shows_parameters_and_defaults(
    site: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    done = run("-m", "dnamask_plugins", "info", "acme.my-strategy", site=site)
    assert "Hide the windows that are richest in G and C first." in done.stdout
    assert "acme-my-strategy 0.1.0" in done.stdout
    assert "width" in done.stdout
    assert done.stderr.startswith("warning: running code of acme-my-strategy 0.1.0")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["acme.Motif", "a.b.c", "../evil", "acme.", "1st", "acme.x y", ""])
def test_names_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no plugin name"):
        write_package("strategy", name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"'span' exists already, in dnamask-plugins"):
        write_package("strategy", "span", tmp_path)


def test_nothing_is_overwritten_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_package("strategy", "acme.mine", tmp_path)
    (folder / "README.md").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_package("strategy", "acme.mine", tmp_path)
    assert (folder / "README.md").read_text() == "mine"

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_package("strategy", "acme.other", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["acme-mine"]


def test_a_name_without_a_vendor(tmp_path: Path) -> None:
    folder = write_package("tokenizer", "my-words", tmp_path)
    assert folder.name == "dnamask-my-words"
    assert '"my_words" = "dnamask_my_words.tokenizer:MyWords"' in (folder / "pyproject.toml").read_text()
