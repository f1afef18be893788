"""All commands, found by walking: tables come as JSON too, and help fits a narrow terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from dnamask_plugins.cli import app

NO_TABLE = {
    *("corpus build", "embed", "export", "gue download", "leaderboard build", "new", "npmi build"),
    *("npmi from-counts", "predict", "pretrain", "results add-published", "results append-only"),
    *("results schema", "results verify", "score", "tokenizer save", "tokenizer train"),
}
"""Commands that write files, text or one line; every other one prints a table, and has ``--json``."""


def leaves(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command that has none below it."""
    context = typer.Context(command)
    names = command.list_commands(context) if hasattr(command, "list_commands") else []
    if not names:
        yield name, command
    for each in names:
        yield from leaves(command.get_command(context, each), f"{name} {each}".strip())


COMMANDS = dict(leaves(typer.main.get_command(app)))


def test_every_command_that_prints_a_table_prints_json() -> None:
    with_json = {
        name for name, command in COMMANDS.items() for each in command.params if "--json" in each.opts
    }
    assert set(COMMANDS) - with_json == NO_TABLE


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_eighty_columns(name: str) -> None:
    done = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "80", "TERM": "dumb"})
    assert done.exit_code == 0
    assert max(map(len, done.output.splitlines())) <= 80
    assert "…" not in done.output  # nothing is cut off


def table_of(arguments: list[object]) -> Any:
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_scores_and_comparisons_as_json(toy_suite: Path, tiny_model: Path, tmp_path: Path) -> None:
    data, out = toy_suite.parent / "data", tmp_path / "out"
    command = ["gue", "run", "--model", tiny_model, "--gue-dir", data, "--tasks", toy_suite]
    rows = table_of([*command, "--probe", "--drop-leaks", "--out", out, "--json"])
    assert [row["task"] for row in rows] == ["toy/motif", "toy/other"]
    assert set(rows[0]) == {"task", "metric", "mean", "std", "seeds", "of", "remarks", "without_leaks"}
    compared = table_of(["results", "compare", out, out, "--resamples", 100, "--json"])
    assert "below_floors" in compared
    rows = table_of(["tokenizer", "encode", "-s", "ACGTACGT", "--json"])
    assert rows[1]["token"] == "ACGTAC"
