"""How the package is built, in figures: rooms, imports between them, long files and functions, strict types.

    python benchmarks/structure/run.py [--pylint PROGRAM] [FOLDER ...]

FOLDER is a checkout (this one when none is given); ``git worktree add FOLDER COMMIT`` makes an older one.
PROGRAM is the Python of an environment with pylint, which finds repeated code; without it that line is left
out.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

LONGEST_FILE, LONGEST_FUNCTION, REPEATED = 300, 40, 4


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


def upward(edges: Counter[tuple[str, str]], order: list[str]) -> int:
    """Count the imports of rooms that stand below the one that imports them."""
    place = {room: number for number, room in enumerate(order)}
    return sum(count for (a, b), count in edges.items() if place[b] > place[a])


def order_of(checkout: Path) -> list[str]:
    """Return the order of the rooms that a checkout's own test holds, empty where it has none."""
    file = checkout / "tests" / "test_rooms.py"
    found = ast.parse(file.read_text("utf-8")).body if file.is_file() else []
    for node in found:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ORDER":
            return list(ast.literal_eval(node.value))
    return []


def repeated(checkout: Path, program: str) -> str:
    """Return what pylint says of lines that occur twice: comments, docstrings and imports do not count."""
    done = subprocess.run(
        [
            program, "-m", "pylint", "--disable=all", "--enable=duplicate-code", "--ignore-imports=y",
            f"--min-similarity-lines={REPEATED}", "--ignore-signatures=y", "--ignore-patterns=.*\\.j2",
            "dnamask_plugins",
        ],
        cwd=checkout, capture_output=True, text=True, check=False,
    )  # fmt: skip
    places = done.stdout.count("R0801")
    lines_of = re.findall(r"^==\S+:\[(\d+):(\d+)\]$", done.stdout, re.M)
    total = sum(int(stop) - int(start) for start, stop in lines_of)
    return f"{places} places, {total} lines (pylint, from {REPEATED} lines on)"


def inner_imports(modules: dict[Path, ast.Module]) -> int:
    """Count the imports inside functions, each once."""
    found = {
        inner
        for tree in modules.values()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    }
    return len(found)


def measure(checkout: Path, pylint: str | None) -> dict[str, str]:
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
    order = order_of(checkout)
    return {
        "files": f"{len(sizes)}, {sum(sizes):,} lines",
        "rooms": f"{len({room_of(path, package) for path in modules})}",
        "imports between rooms": f"{sum(edges.values())} of {len(edges)} kinds",
        "imports upward": f"{upward(edges, order)}" if order else "no order is held",
        "circular pairs of rooms": f"{len(circular(edges))}",
        f"files over {LONGEST_FILE} lines": f"{sum(size > LONGEST_FILE for size in sizes)}",
        f"functions over {LONGEST_FUNCTION} lines": f"{sum(size > LONGEST_FUNCTION for size in functions)}",
        "median function": f"{sorted(functions)[len(functions) // 2]} lines",
        "imports inside functions": f"{inner_imports(modules)}",
        "mypy --strict": strict_errors(checkout),
        **({"repeated code": repeated(checkout, pylint)} if pylint else {}),
    }


def main() -> None:
    """Print a column for each checkout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[Path(__file__).parents[2]])
    parser.add_argument("--pylint")
    given = parser.parse_args()
    for checkout in given.checkouts:
        print(checkout.resolve().name)
        for what, figure in measure(checkout, given.pylint).items():
            print(f"  {what:<26} {figure}")


if __name__ == "__main__":
    main()
