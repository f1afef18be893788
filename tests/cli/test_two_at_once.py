"""A second command on an output that another one is writing: one line, exit code 2, nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from toy_data import labelled, write_csv

from dnamask_plugins.cli import main
from dnamask_plugins.locks import LOCK_FILE, locked_file, locked_folder
from dnamask_plugins.models.loading import load_classifier
from dnamask_plugins.tokenizers.export import save_pretrained
from dnamask_plugins.tokenizers.loading import load_tokenizer


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "rows.csv", labelled(4, 24))


@pytest.fixture
def classifier(make_model: Callable[..., Path], tmp_path: Path) -> Path:
    base = make_model()
    model, _ = load_classifier(base, load_tokenizer(base), 2, seed=1)
    folder = tmp_path / "classifier"
    model.save_pretrained(folder)
    save_pretrained(load_tokenizer(base), folder)
    return folder


def refused(out: Path, lock: Callable[[Path], object], arguments: list[object], errors: Callable[[], str]):
    """Call a command while its output is held by another, and look at what it says and leaves."""
    with lock(out):  # type: ignore[attr-defined]
        before = sorted(out.parent.iterdir())
        assert call(*arguments) == 2
        assert sorted(out.parent.iterdir()) == before
        if out.is_dir():
            assert [path.name for path in out.iterdir()] == [LOCK_FILE]
    told = errors()
    assert "another dnamask process" in told
    assert "is writing" in told
    assert "Traceback" not in told


@pytest.fixture
def errors(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    return lambda: " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "command",
    [
        ("npmi", "build", "--k", "3", "--min-count", "1"),
        ("tokenizer", "train", "--vocab-size", "32"),
        ("corpus", "build"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_what_is_built_from_fasta(
    command: tuple[str, ...], small_fasta: Path, tmp_path: Path, errors: Callable[[], str]
) -> None:
    out = tmp_path / "out"
    arguments = [*command, "--fasta", small_fasta, "-o", out]
    refused(out, locked_file, arguments, errors)
    assert call(*arguments) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_finetune(rows: Path, tiny_model: Path, tmp_path: Path, errors: Callable[[], str]) -> None:
    out = tmp_path / "out"
    arguments = ["finetune", rows, "--model", tiny_model, "-o", out, "--dry-run"]
    refused(out, locked_folder, arguments, errors)
    assert call(*arguments) == 0


@pytest.mark.parametrize("suite", ["gue", "fewshot"])
def test_gue_and_fewshot(
    suite: str, toy_suite: Path, tiny_model: Path, tmp_path: Path, errors: Callable[[], str]
) -> None:
    out = tmp_path / "out"
    arguments = [suite, "run", "--model", tiny_model, f"--{suite}-dir", toy_suite.parent / "data"]
    refused(out, locked_folder, [*arguments, "--tasks", toy_suite, "--probe", "--out", out], errors)


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
@pytest.mark.parametrize(
    ("command", "name"), [("predict", "out.tsv"), ("embed", "out.npz"), ("score", "out.tsv")]
)
def test_inference(
    command: str, name: str, more: tuple[str, ...], classifier: Path, tiny_model: Path, rows: Path,
    tmp_path: Path, errors: Callable[[], str],
) -> None:  # fmt: skip
    """Not even ``--overwrite`` takes the parts of a command that goes on writing them."""
    out = tmp_path / name
    model = classifier if command == "predict" else tiny_model
    arguments = [command, model, rows, "-o", out, *more]
    refused(out, locked_file, arguments, errors)
    assert call(*arguments) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["classifier", name, "rows.csv"])
