"""An NPMI table as rows to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dnamask_plugins.npmi.counting import kmer_names
from dnamask_plugins.npmi.table import NpmiTable


def kmers_by_score(table: NpmiTable, top: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield k-mers with count, pmi, npmi and rank, highest first; those without a score last.

    Parameters
    ----------
    table : NpmiTable
    top : int, optional
        How many; all when not given. PMI, NPMI and rank are None where there is no score.

    Examples
    --------
    >>> table = NpmiTable.from_sequences(["ACACACACACAC"], k=2, min_count=1)
    >>> [row["kmer"] for row in kmers_by_score(table, 2)]
    ['CA', 'AC']
    """
    names = kmer_names(table.k)
    unscored = np.setdiff1d(np.arange(4**table.k), table.order)
    for place, code in enumerate(np.concatenate([table.order, unscored])[:top].tolist()):
        scored = place < table.order.size
        yield {
            "kmer": names[code],
            "count": int(table.counts[code]),
            "pmi": float(table.pmi[code]) if scored else None,
            "npmi": float(table.scores[code]) if scored else None,
            "rank": place + 1 if scored else None,
        }
