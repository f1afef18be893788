"""An option that several commands have is declared once, in `dnamask_plugins.cli.options`."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from syntax import nodes_of

from dnamask_plugins import cli


def declarations(folder: Path) -> Counter[tuple[str, ...]]:
    """Count the options by their flags and help; those whose help has a name share it on purpose."""
    found: Counter[tuple[str, ...]] = Counter()
    for path in sorted(folder.rglob("*.py")):
        for node in nodes_of(path):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("typer.Option", "typer.Argument"):
                said = {each.arg: each.value for each in node.keywords}
                text = said.get("help")
                if isinstance(text, ast.Constant):
                    found[(*(ast.unparse(flag) for flag in node.args), str(text.value))] += 1
    return found


def test_no_option_is_declared_twice() -> None:
    found = declarations(Path(cli.__file__).parent)
    assert len(found) > 100
    assert not [option for option, count in found.items() if count > 1]
