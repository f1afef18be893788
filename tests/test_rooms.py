"""Each room of the package imports only what stands above it in this list."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from syntax import nodes_of

import dnamask_plugins

PACKAGE = Path(dnamask_plugins.__file__).parent

ORDER = [
    # values and small tools
    "__init__", "errors", "kinds", "signals", "terminal", "quiet", "environment", "processes", "locks", "hub",
    "executors", "threads", "files", "nucleotides", "config", "checking", "compiled", "splitmix",
    "streams", "rng", "types", "budget", "suite_names", "plotting",
    # the contracts, and what is told about masks
    "protocols", "registry_index", "corruption", "masks",
    # plugins are found, called, and put together
    "plugins", "guard", "packing", "masking", "scaffold", "corpus", "npmi", "curricula", "strategies",
    "tokenizers", "preview",
    # models, the loop, a run
    "models", "training", "pretrain",
    # evaluating, using, showing
    "tasks", "results", "harness", "inference", "testing", "quickstart", "cli", "__main__",
]  # fmt: skip


def rooms_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(path: Path) -> Iterator[str]:
    """Yield the rooms that a file imports, also inside functions; those for types alone are left out."""
    nodes = nodes_of(path)
    for_types = {
        id(inner)
        for node in nodes
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in nodes:
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE.name:
            names = node.module.split(".")[1:2] or [alias.name for alias in node.names]
            yield from ("__init__" if name.startswith("__version") else name for name in names)
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith(f"{PACKAGE.name}."))


def files() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "templates" not in path.parts]


def test_every_room_has_its_place() -> None:
    assert len(set(ORDER)) == len(ORDER)
    assert {rooms_of(path) for path in files()} == set(ORDER)


def test_nothing_is_imported_upward_so_nothing_is_circular() -> None:
    place = {room: number for number, room in enumerate(ORDER)}
    upward = {
        f"{path.relative_to(PACKAGE).as_posix()}: {room}"
        for path in files()
        for room in imports(path)
        if place[room] > place[rooms_of(path)]
    }
    assert not upward


PACKAGES = sorted(
    path.parent
    for path in PACKAGE.rglob("__init__.py")
    if "templates" not in path.parts and path.parent != PACKAGE
)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_package_says_what_lives_in_it(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    assert len(text) > 40
    if package.parent == PACKAGE:
        assert "may import" in " ".join(text.split()).lower(), "say what this room may import"


def test_small_files() -> None:
    """New files stay below 300 lines; the few above are known, and do not grow in number."""
    long = [path for path in files() if len(path.read_text().splitlines()) > 300]
    assert len(long) <= MOST_LONG_FILES, [path.relative_to(PACKAGE).as_posix() for path in long]


MOST_LONG_FILES = 5
