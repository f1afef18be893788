"""From an expression matrix to a pretrained model, by the command in the README of the example."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.io import mmwrite

from dnamask_plugins import plugins
from dnamask_plugins.errors import InputError
from dnamask_plugins.models.loading import load_masked_lm

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "gene_rank"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield
    for name in [name for name in sys.modules if name.startswith("example_gene_rank")]:
        del sys.modules[name]


def counts(cells: int = 60, genes: int = 24) -> np.ndarray:
    """Modules of four genes that come together, and a gene that is everywhere."""
    rng = np.random.default_rng(3)
    present = np.repeat(rng.random((cells, genes // 4)) < 0.4, 4, axis=1)
    matrix = present * rng.integers(1, 9, size=(cells, genes))
    matrix[:, 0] = 200
    return matrix


@pytest.fixture
def tenx(tmp_path: Path) -> Path:
    folder = tmp_path / "10x"
    folder.mkdir()
    mmwrite(folder / "matrix.mtx", sparse.coo_matrix(counts().T))
    rows = [f"ENSG{gene:05d}\tGENE{gene}\tGene Expression" for gene in range(24)]
    (folder / "features.tsv").write_text("\n".join(rows) + "\n")
    return folder


def test_a_10x_folder_becomes_a_model(tenx: Path, tmp_path: Path) -> None:
    from example_gene_rank.pretrain import main
    from example_gene_rank.tokenizer import GeneRankTokenizer

    output = tmp_path / "model"
    main(["--matrix", str(tenx), "-o", str(output), "--steps", "12", "--batch", "8"])
    history = json.loads((output / "history.json").read_text())
    assert [row["step"] for row in history["evaluations"]] == [12]
    saved = json.loads((output / "dnamask_tokenizer.json").read_text())["config"]
    tokenizer = GeneRankTokenizer.from_config(saved)
    assert tokenizer.genes[0] == "ENSG00000"
    model, description = load_masked_lm(output, tokenizer)
    assert description.started_fresh == ()
    assert model.config.vocab_size == 28


def test_a_gene_that_is_everywhere_comes_last_and_modules_are_found(tenx: Path) -> None:
    from example_gene_rank.cells import as_mappings, read_matrix
    from example_gene_rank.pretrain import Settings, encode, make_masker

    tokenizer, cells = encode(tenx, Settings())
    matrix, genes = read_matrix(tenx)
    first = next(as_mappings(matrix, genes))
    assert first["ENSG00000"] == pytest.approx(10_000 * 200 / matrix[0].sum())
    ranks = [int(np.flatnonzero(row == 4)[0]) / (row > 3).sum() for row in cells.input_ids]
    assert np.mean(ranks) > 0.3, "200 counts in every cell are no news"
    partners = make_masker(tokenizer, cells, Settings()).strategies["example.gene_modules"].partners
    assert set(partners["8"]) >= {9, 10, 11}


def test_the_curriculum_changes_when_perplexity_stands_still(tenx: Path, tmp_path: Path) -> None:
    from example_gene_rank.pretrain import Settings, pretrain

    history = pretrain(tenx, tmp_path / "model", Settings(steps=6, evaluate_every=2, drop=1e9))
    assert history["switch_step"] == 4


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "matrix.mtx").unlink(), "holds none of matrix.mtx"),
        (lambda folder: (folder / "features.tsv").write_text("A\tA\n"), "1 features for 24 rows"),
        (lambda folder: (folder / "matrix.mtx").write_text("nonsense"), "cannot be read"),
        (
            lambda folder: mmwrite(folder / "matrix.mtx", sparse.coo_matrix(counts().T - 1.5)),
            "negative or missing",
        ),
    ],
)
def test_what_is_no_matrix_is_one_line(tenx: Path, spoil: object, message: str) -> None:
    from example_gene_rank.cells import read_matrix

    spoil(tenx)  # type: ignore[operator]
    with pytest.raises(InputError, match=message) as error:
        read_matrix(tenx)
    assert "\n" not in str(error.value)


def test_anndata(tmp_path: Path, tenx: Path) -> None:
    anndata = pytest.importorskip("anndata", reason="pip install anndata for .h5ad")
    from example_gene_rank.cells import read_matrix

    matrix, genes = read_matrix(tenx)
    data = anndata.AnnData(matrix)
    data.var_names = list(genes)
    if hasattr(anndata.settings, "allow_write_nullable_strings"):
        # Of this test's own writing: new versions of pandas name rows so.
        anndata.settings.allow_write_nullable_strings = True
    data.write_h5ad(tmp_path / "cells.h5ad")
    again, names = read_matrix(tmp_path / "cells.h5ad")
    assert names == genes
    assert (again != matrix).nnz == 0


def test_the_easy_strategy_is_one_of_ours() -> None:
    from example_gene_rank.pretrain import EASY

    assert EASY in plugins.discover("strategies")
