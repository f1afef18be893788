"""``dnamask corpus`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dnamask_plugins.cli import main
from dnamask_plugins.corpus.store import CorpusStore


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_build_show_and_build_again(fasta: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "c"
    build = ("corpus", "build", "--fasta", fasta, "-o", folder, "--validation-fraction", "0.2")
    assert run(*build) == 0
    assert run(*build) == 0
    capsys.readouterr()
    assert run("corpus", "show", folder, "--verify") == 0
    assert f"{len(CorpusStore.open(folder)):,} nt" in capsys.readouterr().out
    assert run("corpus", "show", folder, "--json") == 0
    index = json.loads(capsys.readouterr().out)
    assert index["sources"][0]["file"] == "small.fa"
    assert index["options"]["split"]["validation_fraction"] == 0.2
    assert run("corpus", "build", "--fasta", fasta, "-o", folder) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run("corpus", "build", "--fasta", fasta, "-o", folder, "--overwrite", "--exclude-soft-masked") == 0
    assert CorpusStore.open(folder).index["soft_masked"] == 0


def test_options_reach_the_corpus(fasta: Path, tmp_path: Path) -> None:
    options = ("--border-share", "0.3", "--window", "100", "--split-seed", "5", "--shortest-region", "200")
    assert run("corpus", "build", "--fasta", fasta, "-o", tmp_path / "c", *options) == 0
    store = CorpusStore.open(tmp_path / "c")
    split = {"validation_fraction": 0.05, "border_share": 0.3, "window": 100, "seed": 5}
    assert store.index["options"] == {"exclude_soft_masked": False, "shortest_region": 200, "split": split}
    assert store.regions.length.min() >= 200


@pytest.mark.parametrize(
    "arguments",
    [
        ("--validation-fraction", "0.9"),
        ("--border-share", "0"),
        ("--shortest-region", "3"),
        ("--window", "0"),
    ],
)
def test_impossible_options_exit_with_2(
    arguments: tuple[str, str], fasta: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("corpus", "build", "--fasta", fasta, "-o", tmp_path / "c", *arguments) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_corpus_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, complaint in ((tmp_path / "nothing", "no such folder"), (tmp_path, "is no corpus")):
        assert run("corpus", "show", folder) == 2
        error = capsys.readouterr().err
        assert complaint in error
        assert len(error.strip().splitlines()) == 1
