"""Figures are computed in float32 on every device; bfloat16 is for who asks for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from dnamask_plugins.cli import app
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.inference.job import OpenModel, Reading, open_parts
from dnamask_plugins.inference.map import read_embeddings
from dnamask_plugins.models.forward import mean_of_tokens, reduced_precision
from dnamask_plugins.models.loading import load_base

LETTERS = "ACGTTGCAAGCTTAGGCTAACGTACGGATTACA"


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "one.fa"
    path.write_text(f">one\n{LETTERS}\n")
    return path


def embedded(model: Path, fasta: Path, name: str, *options: str) -> np.ndarray:
    output = fasta.parent / name
    done = CliRunner().invoke(app, ["embed", str(model), str(fasta), "-o", str(output), *options])
    assert done.exit_code == 0, done.output
    return read_embeddings(output)[0][0]


def test_bfloat16_is_asked_for(tiny_model: Path, fasta: Path) -> None:
    exact, rough = (embedded(tiny_model, fasta, name, *o) for name, *o in (("a.npz",), ("b.npz", "--bf16")))
    assert not np.array_equal(exact, rough)
    np.testing.assert_allclose(rough, exact, atol=0.05)


def test_parts_of_another_precision_are_not_gone_on_with(tiny_model: Path, fasta: Path) -> None:
    model, reading = OpenModel.load(str(tiny_model), load_base), Reading(str(fasta))
    output = fasta.parent / "out.npz"
    with open_parts(output, model, reading, {}, overwrite=False):
        pass
    with (
        reduced_precision(True),
        pytest.raises(DnamaskError, match="precision"),
        open_parts(output, model, reading, {}, overwrite=False),
    ):
        pass


def test_a_mean_over_tokens_keeps_its_digits() -> None:
    hidden, weights = torch.full((1, 500, 1), 1.0009765625), torch.ones(1, 500)
    with torch.autocast("cpu", torch.bfloat16):
        mean = mean_of_tokens(hidden, weights)
    assert mean.item() == pytest.approx(1.0009765625, abs=1e-6)
