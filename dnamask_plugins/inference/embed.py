"""Embeddings of a file of sequences, streamed into a file of arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from dnamask_plugins.inference.embedding import Embedded, Embedder
from dnamask_plugins.inference.job import Collector, OpenModel, Reading, open_parts
from dnamask_plugins.inference.outputs import ARRAYS, check_suffix, write_arrays
from dnamask_plugins.models.loading import load_base

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class EmbedSummary:
    """What was written.

    Attributes
    ----------
    rows : int
        Vectors.
    width : int
        Numbers in each.
    too_short : int
        Sequences that gave no token, whose vectors are NaN (or missing, for vectors one a token); counted
        since the command went on, where it did.
    resumed_at : int
        Windows that an earlier command had done.
    reading : Reading
        With the window and stride that were used.
    """

    rows: int
    width: int
    too_short: int
    resumed_at: int
    reading: Reading


def embed_file(
    reference: str,
    reading: Reading,
    output: Path,
    pool: str = "mean",
    layer: int = -1,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> EmbedSummary:
    """Embed every sequence of a file.

    Parameters
    ----------
    reference : str
        Model folder, or owner/name on the hub.
    reading : Reading
    output : Path
        ``.npz``, ``.parquet`` or ``.zarr``: ``embeddings`` (n, H), ``names``, ``labels`` where there are
        any; one a token also ``starts`` and ``stops`` in nucleotides of the sequence.
    pool, layer
        See `Embedder`.
    overwrite : bool
        Replace an output that is there.
    progress : callable, optional
        Called with the number of nucleotides that went through the model since its last call.

    Raises
    ------
    InputError, ConfigError
        The model, the sequences or the output cannot be used; one line says why.
    """
    check_suffix(output, ARRAYS)
    model = OpenModel.load(reference, load_base)
    embedder = Embedder(model.model, model.tokenizer, pool, layer, model.limit)
    reading = reading.fitted(model)
    with open_parts(output, model, reading, {"pool": pool, "layer": layer}, overwrite) as parts:
        resumed_at, too_short = parts.done, 0
        collector = Collector(parts, lambda rows: _table(rows, embedder.width, pool))
        for embedded in embedder(reading.windows(parts.done), progress):
            too_short += not len(embedded.vectors) or bool(np.isnan(embedded.vectors[0, 0]))
            collector.add(embedded, embedded.done, len(embedded.vectors))
        collector.flush()
        rows = parts.rows()
        spans: dict[str, int | None] = {"starts": None, "stops": None} if pool == "tokens" else {}
        write_arrays(parts, ("names", "labels"), {"embeddings": embedder.width, **spans})
        return EmbedSummary(rows, embedder.width, too_short, resumed_at, reading)


def _table(rows: list[Embedded], width: int, pool: str) -> pa.Table:
    vectors = np.concatenate([row.vectors for row in rows])
    counts = [len(row.vectors) for row in rows]
    columns: dict[str, Any] = {
        "names": pa.array(np.repeat(np.array([row.name for row in rows], dtype=object), counts), pa.string()),
        "labels": pa.array(
            np.repeat(np.array([row.label for row in rows], dtype=object), counts), pa.string()
        ),
        "embeddings": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), width),
    }
    if pool == "tokens":
        intervals = np.concatenate([row.intervals for row in rows])
        columns |= {"starts": pa.array(intervals[:, 0]), "stops": pa.array(intervals[:, 1])}
    return pa.table(columns)
