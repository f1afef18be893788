"""How a check calls a strategy, and how it shows a row of a batch."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from dnamask_plugins.budget import Budget
from dnamask_plugins.nucleotides import decode_codes
from dnamask_plugins.rng import RngKey
from dnamask_plugins.testing import samples
from dnamask_plugins.testing.global_state import fixed_global_state
from dnamask_plugins.types import BoolArray, TokenBatch

RATES: Final = (0.05, 0.15, 0.4)
RATE_BOUND: Final = 0.02
"""Distance between mean realised and wanted rate; a strategy may state its own as `rate_bound`."""

TYPICAL: Final = Budget(0.15)


def select(strategy: Any, batch: TokenBatch, key: RngKey, budget: Budget = TYPICAL) -> BoolArray:
    """Select on copies, from a fixed global random state, so that each fault shows in its own check only."""
    with fixed_global_state():
        return np.asarray(strategy.select(samples.copy_of(batch), RngKey(key.words.copy()), budget))


def select_sample(strategy: Any, layout: str, budget: Budget = TYPICAL, step: int = 0) -> BoolArray:
    """Select on the standard batch of a layout."""
    batch = samples.batch(layout)
    return select(strategy, batch, samples.key_for(len(batch), step), budget)


def show(batch: TokenBatch, row: int, mask: BoolArray | None = None) -> str:
    """Describe a row in few words: its sequence and the columns chosen in it."""
    text = decode_codes(batch.nucleotides[row, : batch.lengths[row]])
    short = text if len(text) <= 60 else f"{text[:57]}..."
    chosen = "" if mask is None else f", chosen columns {np.flatnonzero(mask[row])[:20].tolist()}"
    return f"sequence {short} ({len(text)} nucleotides){chosen}"


def example_of(layout: str, mask: BoolArray, bad_rows: Any) -> str:
    """Describe the shortest of the bad rows."""
    batch = samples.batch(layout)
    rows = np.unique(np.asarray(bad_rows))
    row = int(rows[np.argmin(batch.lengths[rows])])
    return f"{layout}, row {row}: {show(batch, row, mask)}"
