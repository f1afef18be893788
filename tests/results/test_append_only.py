"""Records are added and never changed, however many commits a change is spread over."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from harness_records import write_record
from typer.testing import CliRunner

from dnamask_plugins.cli import app
from dnamask_plugins.errors import InputError
from dnamask_plugins.results.append_only import changed_records


def git(folder: Path, *arguments: str) -> None:
    quiet = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *quiet, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    write_record(tmp_path / "results", "old")
    (tmp_path / "results" / "README.md").write_text("one")
    commit(tmp_path)
    git(tmp_path, "checkout", "-qb", "mine")
    return tmp_path


def test_adding_is_fine_and_readme_may_change(repository: Path):
    write_record(repository / "results", "new")
    (repository / "results" / "README.md").write_text("two")
    (repository / "results" / "relations.toml").write_text("")
    commit(repository)
    (repository / "results" / "relations.toml").write_text("# more\n")
    commit(repository)
    assert changed_records(repository / "results") == []


def test_two_commits_do_not_get_round_it(repository: Path):
    """Seen on the landed code: only the last commit was compared with the one before."""
    path = next((repository / "results" / "old").glob("*.json"))
    path.unlink()
    commit(repository)
    write_record(repository / "results", "new")
    commit(repository)
    done = CliRunner().invoke(app, ["results", "append-only", str(repository / "results")])
    assert done.exit_code == 1
    assert f"removed: results/old/{path.name}" in done.stdout
    assert "1 records changed or removed" in done.stdout


def test_what_is_not_committed_counts_and_what_main_added_since_does_not(repository: Path):
    git(repository, "checkout", "-q", "main")
    write_record(repository / "results", "of-others")
    commit(repository)
    git(repository, "checkout", "-q", "mine")
    assert changed_records(repository / "results", "main") == []
    path = next((repository / "results" / "old").glob("*.csv.gz"))
    path.write_bytes(b"other")
    assert changed_records(repository / "results", "main") == [f"changed: results/old/{path.name}"]


def test_without_a_history_it_is_one_line(tmp_path: Path):
    with pytest.raises(InputError, match="no such folder"):
        changed_records(tmp_path / "missing")
    (tmp_path / "results").mkdir()
    git(tmp_path, "init", "-q", "-b", "other")
    with pytest.raises(InputError, match="give one with --against"):
        changed_records(tmp_path / "results")
    with pytest.raises(InputError, match="give a branch or commit with --against"):
        changed_records(tmp_path / "results", "nothing")
