"""Why an import is inside a function, said and held here.

``dnamask --help`` and ``dnamask list`` answer at once because they import no library: what needs one
imports it in the function that uses it, and so does what leads to such a library through files of ours.
Every other import is at the top of its file, where a reader looks for it. Two more reasons are good: a circle
that would close otherwise, and a module that some systems do not have.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

from syntax import tree_of

import dnamask_plugins

PACKAGE = Path(dnamask_plugins.__file__).parent
NAME = PACKAGE.name

ELSEWHERE = {"resource", "torch.distributed.fsdp", "torch.distributed.tensor"}
"""Not on Windows, or not in every build of torch."""


def module_of(path: Path) -> str:
    parts = (NAME, *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {
    module_of(path): tree_of(path) for path in sorted(PACKAGE.rglob("*.py")) if "templates" not in path.parts
}


def imports(node: ast.AST, inside: bool = False) -> Iterator[tuple[bool, ast.Import | ast.ImportFrom]]:
    """Yield the imports of a file, and whether they are inside a function; without those for types alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield inside, child
        yield from imports(child, inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)))


def modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    named = (f"{node.module}.{each.name}" for each in node.names)
    return [name if name in TREES else str(node.module) for name in named]


def with_parents(module: str) -> list[str]:
    parts = module.split(".")
    names = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return [name for name in names if name in TREES]


@functools.cache
def at_the_top(module: str) -> frozenset[str]:
    tree = TREES[module]
    return frozenset(name for inside, node in imports(tree) if not inside for name in modules(node))


@functools.cache
def reached(module: str) -> frozenset[str]:
    """Files of ours that are imported with one."""
    found: set[str] = set()
    waiting = with_parents(module)
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += [file for name in at_the_top(each) for file in with_parents(name)]
    return frozenset(found)


@functools.cache
def libraries(module: str) -> frozenset[str]:
    """Libraries that are imported with a file of ours."""
    tops = {name.split(".")[0] for each in reached(module) for name in at_the_top(each)}
    return frozenset(tops - {NAME, "__future__"} - sys.stdlib_module_names)


def costs_nothing(module: str, imported: str) -> bool:
    """Whether an import at the top of a file would bring in no library that is not there anyway."""
    if imported in ELSEWHERE:
        return False
    if imported.split(".")[0] != NAME:
        return imported.split(".")[0] in sys.stdlib_module_names | libraries(module)
    file = with_parents(imported)[-1]
    return module not in reached(file) and libraries(file) <= libraries(module)


def test_what_costs_nothing_is_imported_at_the_top() -> None:
    found = [
        f"{module}:{node.lineno}: {name}"
        for module, tree in TREES.items()
        for inside, node in imports(tree)
        for name in dict.fromkeys(modules(node))
        if inside and costs_nothing(module, name)
    ]
    assert not found, "\n".join(found)
