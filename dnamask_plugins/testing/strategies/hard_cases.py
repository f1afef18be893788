"""Weights of 0, and any batch that can be made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from dnamask_plugins.budget import Budget
from dnamask_plugins.testing import samples
from dnamask_plugins.testing.core import CheckFailure, NotRun, promise, require
from dnamask_plugins.testing.strategies.calling import (
    example_of,
    select,
    show,
)
from dnamask_plugins.types import TokenBatch


@promise("strategies", needs=("same_key_same_mask", "special_tokens_are_never_chosen"))
def weight_zero_is_never_drawn(strategy: Any) -> None:
    """Choose no nucleotide of weight 0 (a soft-masked repeat, say) while others are left."""
    batch = samples.batch("letters")
    weights = np.ones(batch.nucleotides.shape, dtype=np.float32)
    weights[:, 10:20] = 0
    mask = select(strategy, replace(batch, weights=weights), samples.key_for(len(batch)), Budget(0.3))
    starts, stops = batch.offsets[..., 0], batch.offsets[..., 1]
    bad = mask & (starts < 20) & (stops > 10)
    require(
        not bad.any(),
        expected="no token chosen in nucleotides [10, 20), whose weight is 0",
        came=f"{bad.sum()} chosen",
        example=example_of("letters", mask, np.nonzero(bad)[0] if bad.any() else [0]),
    )


@promise(
    "strategies",
    needs=(
        "works_on_one_row",
        "works_without_tokens",
        "rate_zero_chooses_nothing",
        "rate_one_chooses_everything",
        "mask_does_not_depend_on_the_batch",
    ),
)
def survives_any_batch(strategy: Any) -> None:
    """Choose only ordinary tokens, and raise nothing, on any sequences, in any layout, at any rate."""
    try:
        from hypothesis import HealthCheck, given, settings
        from hypothesis import strategies as st
    except ImportError:
        raise NotRun("hypothesis is not installed; pip install hypothesis") from None
    from dnamask_plugins.testing.generators import batches

    # The same examples in every run, and no memory of failures: a check is a function of the plugin.
    @settings(
        derandomize=True,
        database=None,
        max_examples=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(batches(), st.sampled_from((0.01, 0.15, 0.5, 0.99)))
    def any_batch(batch: TokenBatch, rate: float) -> None:
        example = f"rate {rate}, {'; '.join(show(batch, row) for row in range(len(batch)))}"
        try:
            mask = select(strategy, batch, samples.key_for(len(batch)), Budget(rate))
        except Exception as error:
            raise CheckFailure("no exception", f"{type(error).__name__}: {error}", example) from error
        require(
            mask.shape == batch.input_ids.shape and not (mask & batch.special_tokens_mask).any(),
            expected="a mask of ordinary tokens",
            came=f"shape {mask.shape}, columns {np.flatnonzero(mask.any(axis=0)).tolist()}",
            example=example,
        )

    any_batch()
