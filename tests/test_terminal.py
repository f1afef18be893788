"""Foreign text is printed as it is, wherever something is printed."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest
from rich.table import Table
from syntax import nodes_of

import dnamask_plugins
from dnamask_plugins import terminal

PACKAGE = Path(dnamask_plugins.__file__).parent
STYLES = ("[bold", "[dim", "[red", "[green", "[yellow", "[/]")
FOREIGN = "r[/x] [bold]b[/] [link=https://a.b]c :dna: \\[d"


def printed(*what: object, **options: object) -> str:
    file = io.StringIO()
    terminal.console(file=file, width=200).print(*what, **options)
    return file.getvalue()


def test_a_text_a_cell_a_title_and_a_heading_stay_as_they_are() -> None:
    table = Table(FOREIGN, title=FOREIGN)
    table.add_row(FOREIGN)
    assert printed(FOREIGN) == FOREIGN + "\n"
    assert printed(FOREIGN, style="bold") == FOREIGN + "\n"
    assert printed(table).count(FOREIGN) == 3


def test_a_progress_bar_shows_what_it_is_told() -> None:
    file = io.StringIO()
    bar = terminal.bar()
    bar.live.console.file = file
    bar.live.console._force_terminal = True
    bar.add_task(FOREIGN, total=2)
    terminal.console(file=file, width=300).print(bar.get_renderable())
    assert FOREIGN in file.getvalue()


def test_nobody_else_makes_a_console_or_writes_styles_into_texts() -> None:
    """`track` is let through: its labels are words of ours."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "terminal.py":
            continue
        for node in nodes_of(path):
            name = path.relative_to(PACKAGE).as_posix()
            called = getattr(getattr(node, "func", None), "id", "")
            if called in ("Console", "Progress", "TextColumn"):
                found.append(f"{name}:{node.lineno}: {called}(...)")
            if isinstance(node, ast.Constant) and any(mark in str(node.value) for mark in STYLES):
                found.append(f"{name}:{node.lineno}: {node.value[:40]}")
    assert not found, f"use dnamask_plugins.terminal: {found}"


@pytest.mark.parametrize("name", ["r[/x]", "[bold]a", ":dna:", "a[red]b"])
def test_an_output_with_a_foreign_name_ends_well(
    name: str, toy_suite: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dnamask_plugins.cli import main

    out = tmp_path / name
    arguments = ["gue", "run", "--model", tiny_model, "--gue-dir", toy_suite.parent / "data"]
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in [*arguments, "--tasks", toy_suite, "--probe", "--out", out]])
    captured = capsys.readouterr()
    assert not ended.value.code, captured.err
    assert f"records in {out}/records" in captured.err.replace("\n", "")


def test_libraries_are_silenced_in_one_place() -> None:
    words = ("set_verbosity", "disable_progress_bar", "ConvergenceWarning")
    found = [
        path.relative_to(PACKAGE).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        if any(word in path.read_text() for word in words)
    ]
    assert found == ["quiet.py"], f"use dnamask_plugins.quiet: {found}"
