"""The same example, key and budget give the same mask, wherever and beside whatever."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnamask_plugins.rng import RngKey
from dnamask_plugins.testing import samples
from dnamask_plugins.testing.core import NotRun, promise, require
from dnamask_plugins.testing.fresh_process import select_in_fresh_process
from dnamask_plugins.testing.strategies.calling import (
    TYPICAL,
    example_of,
    select,
    select_sample,
    show,
)


@promise("strategies", needs=("returns_a_mask", "leaves_global_random_state_alone"))
def same_key_same_mask(strategy: Any) -> None:
    """Give the same mask for the same example, key and budget, however often."""
    for layout in samples.LAYOUTS:
        masks = [select_sample(strategy, layout) for _ in range(3)]
        differ = [rows for mask in masks[1:] for rows in np.flatnonzero((mask != masks[0]).any(axis=1))]
        require(
            not differ,
            expected="equal masks",
            came=f"{len(set(differ))} rows differ",
            example=f"two calls with one key: {example_of(layout, masks[0], differ or [0])}",
        )


@promise("strategies", needs=("same_key_same_mask", "works_on_one_row"))
def mask_does_not_depend_on_the_batch(strategy: Any) -> None:
    """Give an example the same mask alone, among others, and in another order."""
    for layout in samples.LAYOUTS:
        batch = samples.batch(layout)
        key = samples.key_for(len(batch))
        together = select(strategy, batch, key)
        backwards = np.arange(len(batch))[::-1].copy()
        reordered = select(strategy, batch[backwards], key[backwards])[backwards]
        rows = np.flatnonzero((together != reordered).any(axis=1))
        require(
            rows.size == 0,
            expected="the same masks in another order of the rows",
            came=f"{rows.size} of {len(batch)} rows differ",
            example=example_of(layout, together, rows if rows.size else [0]),
        )
        for row in range(0, len(batch), 5):
            one = np.array([row])
            alone = select(strategy, batch[one], key[one])[0]
            require(
                np.array_equal(alone, together[row]),
                expected=f"columns {np.flatnonzero(together[row])[:20].tolist()} as in the batch",
                came=f"columns {np.flatnonzero(alone)[:20].tolist()} alone",
                example=f"{layout}, row {row}: {show(batch, row)}",
            )


@promise("strategies", needs=("same_key_same_mask",))
def mask_does_not_depend_on_padding(strategy: Any) -> None:
    """Give the same mask with more padding on the right."""
    for layout in samples.LAYOUTS:
        batch = samples.batch(layout)
        key = samples.key_for(len(batch))
        width = batch.input_ids.shape[1]
        narrow, wide = select(strategy, batch, key), select(strategy, samples.widen(batch, 9, 5), key)
        rows = np.flatnonzero((wide[:, :width] != narrow).any(axis=1) | wide[:, width:].any(axis=1))
        require(
            rows.size == 0,
            expected="the same masks with 9 more padding tokens",
            came=f"{rows.size} of {len(batch)} rows differ",
            example=example_of(layout, narrow, rows if rows.size else [0]),
        )


@promise("strategies", needs=("same_key_same_mask", "can_be_pickled"))
def mask_is_the_same_in_another_process(strategy: Any) -> None:
    """Give the same masks in a worker that has another hash seed and an empty memory."""
    here = select_sample(strategy, "6-mers")
    batch = samples.batch("6-mers")
    there = select_in_fresh_process(strategy, batch, samples.key_for(len(batch)), TYPICAL)
    rows = np.flatnonzero((here != there).any(axis=1))
    require(
        rows.size == 0,
        expected="the same masks in a new Python process",
        came=f"{rows.size} of {len(batch)} rows differ",
        example=example_of("6-mers", here, rows if rows.size else [0]),
    )


@promise("strategies", needs=("same_key_same_mask",))
def reads_the_sequence_as_it_says(strategy: Any) -> None:
    """Choose differently in different sequences, if `reads_sequence` says so."""
    says = getattr(strategy, "reads_sequence", None)
    if says is None:
        raise NotRun("the class says nothing; state reads_sequence = True or False")
    rng = np.random.default_rng(5)
    texts = ["".join(rng.choice(list("ACGT"), size=200)) for _ in range(24)]
    batch = samples.lay_out(texts, "6-mers")
    one_key = RngKey(np.repeat(samples.key_for(1).words, len(texts)))
    masks = select(strategy, batch, one_key)
    differ = int((masks != masks[:1]).any(axis=1).sum())
    example = f"24 random sequences of 200 nucleotides under one key, the first {texts[0][:40]}..."
    if says:
        require(
            differ > 0,
            expected="masks that differ between sequences (reads_sequence = True)",
            came="the same mask for all: are scores looked up by position and not by token?",
            example=example,
        )
    else:
        require(
            differ == 0,
            expected="one mask for all sequences of a length (reads_sequence = False)",
            came=f"{differ} of 24 masks differ",
            example=example,
        )
