"""Embeddings as a map: two dimensions, a point a sequence, coloured by label."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.plotting import COLOURS, QUIET, as_png, for_file

METHODS: Final = ("pca", "umap")
_MOST_LABELS: Final = 12
_MOST_POINTS: Final = 50_000


def read_embeddings(path: Path) -> tuple[NDArray[np.float32], list[str]]:
    """Read the vectors and labels that `embed_file` wrote; labels are empty where there were none."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            labels = arrays["labels"].tolist() if "labels" in arrays else [""] * len(arrays["names"])
            return arrays["embeddings"], labels
    if path.suffix == ".zarr":
        import zarr

        group = zarr.open_group(str(path), mode="r")
        vectors = np.asarray(group["embeddings"])
        return vectors, np.asarray(group["labels"]).tolist() if "labels" in group else [""] * len(vectors)

    table = pq.read_table(path)
    column = table.column("embeddings").combine_chunks()
    return column.flatten().to_numpy().reshape(len(column), -1), table.column("labels").to_pylist()


def draw_map(vectors: NDArray[np.float32], labels: list[str], title: str, method: str = "pca") -> bytes:
    """Return a PNG of the embeddings in two dimensions.

    Parameters
    ----------
    vectors : float32 array, shape (n, H)
        Rows with NaN are left out; of more than 50,000 rows an even choice is drawn.
    labels : list of str, length n
        What colours the points; the twelve most frequent have colours of their own.
    title : str
    method : {"pca", "umap"}
        Principal components, or UMAP (package umap-learn), of standardised columns; seed 0.

    Raises
    ------
    InputError
        Fewer than three vectors.
    ConfigError
        The method is unknown or not installed.
    """
    known = np.flatnonzero(~np.isnan(vectors).any(axis=1))
    if known.size < 3:
        raise InputError(f"a map needs at least 3 embeddings, but there are {known.size}")
    shown = known[:: -(-known.size // _MOST_POINTS)]
    points, axes_names = _project(vectors[shown], method)
    return _scatter(points, axes_names, np.array(labels, dtype=object)[shown], title)


def _project(vectors: NDArray[np.float32], method: str) -> tuple[NDArray[np.float64], tuple[str, str]]:
    scaled = StandardScaler().fit_transform(vectors.astype(np.float64))
    if method == "pca":
        pca = PCA(n_components=2, random_state=0)
        points = pca.fit_transform(scaled)
        first, second = pca.explained_variance_ratio_
        return points, (f"component 1 ({first:.0%} of variance)", f"component 2 ({second:.0%})")
    if method != "umap":
        raise ConfigError(f"--map {method}: give one of {', '.join(METHODS)}")
    try:
        from umap import UMAP
    except ImportError:
        raise ConfigError(
            "--map umap: umap-learn is not installed; pip install 'dnamask-plugins[umap]', or use pca"
        ) from None
    neighbours = min(15, len(scaled) - 1)
    return UMAP(n_neighbors=neighbours, random_state=0, n_jobs=1).fit_transform(scaled), ("UMAP 1", "UMAP 2")


def _scatter(points: NDArray[np.float64], names: tuple[str, str], labels: Any, title: str) -> bytes:
    figure = for_file(8.5, 6.5, layout="constrained")
    axes = figure.add_subplot()
    kinds, counts = np.unique(labels, return_counts=True)
    frequent = kinds[np.argsort(-counts, kind="stable")][:_MOST_LABELS].tolist()
    size = float(np.clip(6_000 / len(points), 3, 26))
    # Points of all labels are drawn in one mixed order, so that none hides the others.
    colour_of = dict(zip(sorted(frequent), COLOURS, strict=False))
    order = np.random.default_rng(0).permutation(len(points))
    colours = [colour_of.get(label, QUIET) for label in labels[order]]
    axes.scatter(points[order, 0], points[order, 1], s=size, c=colours, alpha=0.7, linewidths=0)
    if kinds.size > 1 or kinds[0]:
        for label in sorted(frequent):
            count = int((labels == label).sum())
            axes.scatter([], [], s=40, color=colour_of[label], label=f"{label or '(none)'} ({count:,})")
        others = len(labels) - int(np.isin(labels, frequent).sum())
        if others:
            axes.scatter([], [], s=40, color=QUIET, label=f"other labels ({others:,})")
        axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.set_title(title, loc="left", fontsize=12, weight="bold", color="#20242a")
    axes.set_xlabel(names[0], color="#4b5159")
    axes.set_ylabel(names[1], color="#4b5159")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=QUIET, labelsize=8)
    return as_png(figure)
