"""Expression matrices: AnnData files and the folders of 10x Genomics, as cells by genes."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dnamask_plugins.errors import InputError

PER_CELL = 10_000
"""What the counts of a cell are scaled to before they are compared with other cells' (as in Geneformer)."""


def read_matrix(path: str | Path) -> tuple[sparse.csr_matrix, tuple[str, ...]]:
    """Read counts, cells by genes, and the names of the genes.

    Parameters
    ----------
    path : str or Path
        An ``.h5ad`` file (needs the extra ``anndata``), or a folder with ``matrix.mtx[.gz]`` and
        ``features.tsv[.gz]`` (or ``genes.tsv``) as 10x Genomics writes it.

    Raises
    ------
    InputError
        It is neither, cannot be read, or holds negative numbers, as scaled data do.
    """
    source = Path(path)
    try:
        counts, genes = _read_10x(source) if source.is_dir() else _read_anndata(source)
    except (OSError, ValueError, KeyError, IndexError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{source}: cannot be read ({reason}); give .h5ad or a 10x folder") from None
    if counts.nnz and (counts.data.min() < 0 or not np.isfinite(counts.data).all()):
        raise InputError(f"{source}: holds negative or missing values; give counts, not scaled expression")
    if len(set(genes)) < len(genes):
        raise InputError(f"{source}: a gene is named twice; make the names unique first")
    return counts, genes


def _read_anndata(source: Path) -> tuple[sparse.csr_matrix, tuple[str, ...]]:
    try:
        import anndata
    except ImportError:
        raise InputError(f"{source}: needs anndata; pip install 'example-gene-rank[anndata]'") from None
    data = anndata.read_h5ad(source)
    return sparse.csr_matrix(data.X), tuple(map(str, data.var_names))


def _read_10x(folder: Path) -> tuple[sparse.csr_matrix, tuple[str, ...]]:
    from scipy.io import mmread

    matrix = _one_of(folder, "matrix.mtx", "matrix.mtx.gz")
    features = _one_of(folder, "features.tsv.gz", "features.tsv", "genes.tsv", "genes.tsv.gz")
    content = features.read_bytes()
    text = (gzip.decompress(content) if features.suffix == ".gz" else content).decode()
    genes = tuple(row[0] for row in csv.reader(text.splitlines(), delimiter="\t"))
    counts = sparse.csr_matrix(mmread(matrix)).T.tocsr()
    if counts.shape[1] != len(genes):
        raise InputError(
            f"{folder}: {len(genes)} features for {counts.shape[1]} rows; fetch the folder again"
        )
    return counts, genes


def _one_of(folder: Path, *names: str) -> Path:
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        raise InputError(f"{folder}: holds none of {', '.join(names)}; give a 10x folder")
    return found


def typical_expression(counts: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return each gene's median over the cells that have it, of counts per 10,000; 1 where none has it.

    Source: Theodoris et al., Nature 2023: dividing by it puts genes that are everywhere at the end.
    """
    columns = scaled(counts).tocsc()
    medians = np.ones(counts.shape[1])
    for gene in range(counts.shape[1]):
        values = columns.data[columns.indptr[gene] : columns.indptr[gene + 1]]
        if values.size:
            medians[gene] = np.median(values)
    return medians


def scaled(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Scale each cell to a sum of 10,000."""
    totals = np.asarray(counts.sum(axis=1)).ravel().astype(float)
    return sparse.csr_matrix(sparse.diags(PER_CELL / np.maximum(totals, 1)) @ counts)


def as_mappings(counts: sparse.csr_matrix, genes: Sequence[str]) -> Iterator[dict[str, float]]:
    """Give each cell as a mapping from gene to scaled count, which is what the tokenizer reads."""
    rows = scaled(counts)
    for cell in range(rows.shape[0]):
        part = slice(rows.indptr[cell], rows.indptr[cell + 1])
        yield {
            genes[index]: value
            for index, value in zip(rows.indices[part], rows.data[part].tolist(), strict=True)
        }
