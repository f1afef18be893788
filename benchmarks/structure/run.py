"""How the package is built, in figures: rooms, imports between them, long files and functions, strict types.

    python benchmarks/structure/run.py [FOLDER ...]

FOLDER is a checkout (this one when none is given); ``git worktree add FOLDER COMMIT`` makes an older one.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

LONGEST_FILE, LONGEST_FUNCTION = 300, 40


def parsed(package: Path) -> dict[Path, ast.Module]:
    """Return the modules of a package without its templates."""
    files = [path for path in sorted(package.rglob("*.py")) if "templates" not in path.parts]
    return {path: ast.parse(path.read_text("utf-8")) for path in files}


def room_of(path: Path, package: Path) -> str:
    """Return the folder, or the module, right under the package."""
    return path.relative_to(package).with_suffix("").parts[0]


def imports(package: Path, modules: dict[Path, ast.Module]) -> Counter[tuple[str, str]]:
    """Count the imports between rooms, those inside functions too, without those for types alone."""
    found: Counter[tuple[str, str]] = Counter()
    for path, tree in modules.items():
        for_types = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or id(node) in for_types or node.level:
                continue
            first, *rest = (node.module or "").split(".")
            if first == package.name:
                names = rest[:1] or [alias.name for alias in node.names if not alias.name.startswith("__")]
                own = room_of(path, package)
                found.update((own, name) for name in names if name != own)
    return found


def circular(edges: Counter[tuple[str, str]]) -> set[frozenset[str]]:
    """Return the pairs of rooms that reach each other."""
    reached = {room: {b for a, b in edges if a == room} for edge in edges for room in edge}
    changed = True
    while changed:
        changed = False
        for others in reached.values():
            more = set().union(*(reached[other] for other in others)) - others
            changed |= bool(more)
            others |= more
    return {frozenset((a, b)) for a, b in edges if a in reached[b]}


def lines(node: ast.AST) -> int:
    """Return the lines of a function without its docstring."""
    total = node.end_lineno - node.lineno + 1  # type: ignore[attr-defined]
    first = node.body[0]  # type: ignore[attr-defined]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        total -= first.end_lineno - first.lineno + 1  # type: ignore[operator]
    return int(total)


def strict_errors(checkout: Path) -> str:
    """Return the last line of ``mypy --strict dnamask_plugins``, with the settings of the checkout."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "dnamask_plugins"],
        cwd=checkout, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]


def measure(checkout: Path) -> dict[str, str]:
    """Return the figures of a checkout."""
    package = checkout / "dnamask_plugins"
    modules = parsed(package)
    edges = imports(package, modules)
    functions = [
        lines(node)
        for tree in modules.values()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    sizes = [len(path.read_text("utf-8").splitlines()) for path in modules]
    inside = sum(
        isinstance(inner, (ast.Import, ast.ImportFrom))
        for tree in modules.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for inner in ast.walk(node)
    )
    return {
        "files": f"{len(sizes)}, {sum(sizes):,} lines",
        "rooms": f"{len({room_of(path, package) for path in modules})}",
        "imports between rooms": f"{sum(edges.values())} of {len(edges)} kinds",
        "circular pairs of rooms": f"{len(circular(edges))}",
        f"files over {LONGEST_FILE} lines": f"{sum(size > LONGEST_FILE for size in sizes)}",
        f"functions over {LONGEST_FUNCTION} lines": f"{sum(size > LONGEST_FUNCTION for size in functions)}",
        "median function": f"{sorted(functions)[len(functions) // 2]} lines",
        "imports inside functions": f"{inside}",
        "mypy --strict": strict_errors(checkout),
    }


def main() -> None:
    """Print a column for each checkout."""
    here = Path(__file__).parents[2]
    for checkout in [Path(each) for each in sys.argv[1:]] or [here]:
        print(checkout.resolve().name)
        for what, figure in measure(checkout).items():
            print(f"  {what:<26} {figure}")


if __name__ == "__main__":
    main()
