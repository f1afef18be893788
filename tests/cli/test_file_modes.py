"""Files that others may read: what commands write has the mode that the user's umask gives new files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_data import labelled, write_csv

from dnamask_plugins.cli import main
from dnamask_plugins.quickstart.run import quickstart
from dnamask_plugins.quickstart.settings import Sizes


@pytest.fixture(autouse=True)
def group_reads() -> Iterator[None]:
    """Let the group read and nobody else: neither what libraries write by themselves nor the usual mode."""
    before = os.umask(0o027)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """Return what has another mode than new files and folders have."""
    found = {str(each.relative_to(folder)): each.stat().st_mode & 0o777 for each in folder.rglob("*")}
    assert found
    return {
        name: oct(mode)
        for name, mode in found.items()
        if mode != (0o750 if (folder / name).is_dir() else 0o640)
    }


def call(*arguments: object) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert not stopped.value.code


@pytest.mark.parametrize("kind", ["bpe", "sentencepiece"])
def test_tokenizer_train(kind: str, small_fasta: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    call("tokenizer", "train", "--kind", kind, "--fasta", small_fasta, "--vocab-size", 32, "-o", out)
    assert modes(out) == {}


def test_finetune(tiny_model: Path, tmp_path: Path) -> None:
    rows = write_csv(tmp_path / "rows.csv", labelled(4, 60))
    out = tmp_path / "out"
    few = ("--seeds", "0", "--floors", "none", "--set", "max_steps=2")
    call("finetune", rows, "--model", tiny_model, "-o", out, *few)
    assert (out / "model" / "model.safetensors").is_file()
    assert modes(out) == {}


def test_quickstart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnamask_plugins.quickstart.run.SEEDS", (0,))
    sizes = Sizes(steps=2, eval_steps=1, batch=4, window=64, train=8, dev=4, test=4, read_length=60, epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a curve of two steps has no legend
        quickstart(tmp_path / "out", sizes=sizes)
    assert modes(tmp_path / "out") == {}
