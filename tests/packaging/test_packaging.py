"""What stands in several files for packagers says the same everywhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
OPTIONAL = {"h5py", "hypothesis", "pytest", "ray", "umap", "vl_convert", "zarr", "zstandard", "tomli"}
"""Imported where an extra, or the version of Python, brings them."""

DISTRIBUTION = {"sklearn": "scikit-learn", "yaml": "pyyaml"}


def bounds() -> dict[str, str]:
    found = (re.match(r"([\w-]+)>=([\w.]+)", each) for each in PROJECT["dependencies"])
    return {match[1]: match[2] for match in found if match}


def test_every_dependency_has_a_lower_bound() -> None:
    assert len(bounds()) == len(PROJECT["dependencies"])


def test_every_import_is_declared_and_every_file_is_of_python_3_10() -> None:
    import ast

    declared = {name.lower().replace("-", "_") for name in bounds()}
    for path in (ROOT / "dnamask_plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            else:
                continue
            for name in (
                {each.split(".")[0] for each in names}
                - sys.stdlib_module_names
                - OPTIONAL
                - {"dnamask_plugins"}
            ):
                wanted = DISTRIBUTION.get(name, name).lower().replace("-", "_")
                assert wanted in declared, f"{path.relative_to(ROOT)} imports {name}"


def test_the_conda_recipe_has_the_same_bounds() -> None:
    recipe = (ROOT / "packaging/conda/recipe.yaml").read_text()
    run = yaml.safe_load(recipe)["requirements"]["run"]
    stated = dict(each.split(" >=") for each in run)
    del stated["python"]
    assert stated == {CONDA_NAMES.get(name, name): version for name, version in bounds().items()}


def test_versions_agree() -> None:
    version = PROJECT["version"]
    import dnamask_plugins

    assert dnamask_plugins.__version__ == version
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert f'version: "{version}"' in (ROOT / "packaging/conda/recipe.yaml").read_text()
    assert f"version = {{{version}}}" in (ROOT / "docs/project/cite.md").read_text()


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_forms_and_workflows_parse(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    if path.parent.name == "workflows":
        for job in content["jobs"].values():
            assert job["runs-on"]
            assert all("uses" in step or "run" in step for step in job["steps"])
    else:
        assert {"name", "description", "body"} <= set(content)


def test_lowest_versions_are_those_of_pyproject() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci/lowest"), "test"], capture_output=True, text=True, check=True
    )
    lowest = dict(line.split("==") for line in done.stdout.split())
    assert lowest["transformers"] == bounds()["transformers"]
    assert "torch" not in lowest


def test_notebooks_are_small_and_without_outputs() -> None:
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert path.stat().st_size < 20_000
        assert all(not cell.get("outputs") for cell in json.loads(path.read_text())["cells"])


def test_the_registry_page_names_what_is_there() -> None:
    page = (ROOT / "registry/README.md").read_text()
    for path in re.findall(r"`(schemas/[\w.]+)`", page):
        assert (ROOT / "registry" / path).is_file(), path


def test_no_address_of_the_repository_is_invented() -> None:
    """It belongs into [project.urls], once there is one; nothing else may name another."""
    assert "urls" not in PROJECT or set(PROJECT["urls"]) >= {"Repository"}
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "packaging").rglob("*.*")):
        assert not re.search(r"github\.com/[\w-]+/dnamask", path.read_text(encoding="utf-8")), path
