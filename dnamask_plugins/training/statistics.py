"""What the masks of a step were like, for the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dnamask_plugins.budget import hidden_nucleotides, maskable_tokens
from dnamask_plugins.types import BoolArray, TokenBatch


def mask_statistics(
    masks: Sequence[tuple[BoolArray, TokenBatch]], strategies: Mapping[str, Any]
) -> dict[str, float]:
    """Return mask rate, share of nucleotides truly hidden, and mean NPMI of what was masked.

    The NPMI of a masked token is that of the k-mer which begins where the token begins; k-mers without a
    score do not count. It is absent when no strategy has a table.
    """
    masked = sum(int(mask.sum()) for mask, _ in masks)
    maskable = sum(int(maskable_tokens(batch).sum()) for _, batch in masks)
    hidden = sum(int(hidden_nucleotides(mask, batch).sum()) for mask, batch in masks)
    nucleotides = sum(int(batch.lengths.sum()) for _, batch in masks)
    statistics = {
        "mask/token_rate": masked / max(maskable, 1),
        "mask/hidden_nucleotides": hidden / max(nucleotides, 1),
    }
    table = next((s.npmi for s in strategies.values() if getattr(s, "npmi", None) is not None), None)
    if table is not None:
        scores = np.concatenate([_masked_scores(mask, batch, table) for mask, batch in masks])
        if np.isfinite(scores).any():
            statistics["mask/mean_npmi"] = float(np.nanmean(scores))
    return statistics


def _masked_scores(mask: BoolArray, batch: TokenBatch, table: Any) -> np.ndarray[Any, Any]:
    rows, columns = np.nonzero(mask)
    starts = batch.offsets[rows, columns, 0].astype(np.int64)
    inside = starts + table.k <= batch.lengths[rows]
    rows, starts = rows[inside], starts[inside]
    codes = np.zeros(len(starts), dtype=np.int64)
    known = np.ones(len(starts), dtype=bool)
    for shift in range(table.k):
        letters = batch.nucleotides[rows, starts + shift]
        known &= letters < 4
        codes = codes * 4 + np.minimum(letters, 3)
    return np.where(known, table.scores[codes], np.nan)
