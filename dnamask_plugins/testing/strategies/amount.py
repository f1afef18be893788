"""How much a strategy chooses, and what it never chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.budget import Budget, hidden_nucleotides, hidden_rate, token_rate
from dnamask_plugins.testing import samples
from dnamask_plugins.testing.core import NotRun, promise, require
from dnamask_plugins.testing.strategies.calling import (
    RATE_BOUND,
    RATES,
    example_of,
    select_sample,
    show,
)
from dnamask_plugins.types import BoolArray, TokenBatch

STEPS: Final = 4
"""Realised rates are averaged over as many masks of each example."""


@promise("strategies", needs=("returns_a_mask",))
def special_tokens_are_never_chosen(strategy: Any) -> None:
    """Never choose [CLS], [SEP], [UNK] or padding, at any rate."""
    for layout in samples.LAYOUTS:
        batch = samples.batch(layout)
        for rate in (*RATES, 1.0):
            mask = select_sample(strategy, layout, Budget(rate))
            bad = mask & batch.special_tokens_mask
            if bad.any():
                rows, columns = np.nonzero(bad)
                require(
                    False,
                    expected="False wherever special_tokens_mask is True",
                    came=f"{bad.sum()} special chosen at rate {rate}, the first in column {columns[0]}",
                    example=example_of(layout, mask, rows),
                )


@promise("strategies", needs=("special_tokens_are_never_chosen",))
def rate_zero_chooses_nothing(strategy: Any) -> None:
    """Choose nothing at rate 0."""
    for layout in samples.LAYOUTS:
        mask = select_sample(strategy, layout, Budget(0.0))
        rows = np.flatnonzero(mask.any(axis=1))
        require(
            rows.size == 0,
            expected="no token",
            came=f"{mask.sum()} tokens",
            example=example_of(layout, mask, rows if rows.size else [0]),
        )


@promise("strategies", needs=("special_tokens_are_never_chosen",))
def rate_one_chooses_everything(strategy: Any) -> None:
    """Choose every token that is not special at rate 1, the first and the last of a row too."""
    for layout in samples.LAYOUTS:
        batch = samples.batch(layout)
        mask = select_sample(strategy, layout, Budget(1.0))
        missed = ~mask & ~batch.special_tokens_mask
        if missed.any():
            rows, columns = np.nonzero(missed)
            last = batch.attention_mask[rows[0]].sum() - 1
            require(
                False,
                expected="every ordinary token",
                came=f"{missed.sum()} left out, the first in column {columns[0]} of {last}",
                example=f"{layout}, row {rows[0]}: {show(batch, int(rows[0]))}",
            )


@promise("strategies", needs=("rate_one_chooses_everything",))
def realised_rate_is_the_wanted_one(strategy: Any) -> None:
    """Choose the budget's share of the tokens over many examples, at 0.05, 0.15 and 0.4."""
    for layout in samples.LAYOUTS:
        for rate in RATES:
            _require_share(strategy, layout, Budget(rate), token_rate)


@promise("strategies", needs=("rate_one_chooses_everything",))
def nucleotide_budget_is_kept(strategy: Any) -> None:
    """Hide the budget's share of the nucleotides when the budget is per nucleotide."""
    for layout in samples.LAYOUTS:
        _require_share(strategy, layout, Budget(0.15, per="nucleotide"), hidden_rate)


def _require_share(
    strategy: Any,
    layout: str,
    budget: Budget,
    realised: Callable[[BoolArray, TokenBatch], NDArray[np.float64]],
) -> None:
    """Require that the masks of several steps spend a budget on average."""
    bound = float(getattr(strategy, "rate_bound", RATE_BOUND))
    batch = samples.batch(layout)
    masks = [select_sample(strategy, layout, budget, step) for step in range(STEPS)]
    mean = float(np.mean([np.nanmean(realised(mask, batch)) for mask in masks]))
    require(
        abs(mean - budget.rate) <= bound,
        expected=f"{budget.rate} of the {budget.per}s within {bound}",
        came=f"{mean:.4f}",
        example=f"{layout}, {len(batch)} sequences, {STEPS} steps, {budget}; a rate_bound may be stated",
    )


@promise("strategies", needs=("rate_one_chooses_everything",))
def nothing_leaks(strategy: Any) -> None:
    """Hide a nucleotide in each chosen token that no visible token shows: no neighbour gives it away."""
    if not getattr(strategy, "hides_nucleotides", True):
        raise NotRun("the class says that it selects tokens, whatever their neighbours show")
    for layout in samples.LAYOUTS:
        batch = samples.batch(layout)
        for rate in RATES:
            mask = select_sample(strategy, layout, Budget(rate))
            hidden = hidden_nucleotides(mask, batch)
            until = np.concatenate([np.zeros((len(batch), 1), np.int64), np.cumsum(hidden, axis=1)], axis=1)
            starts, stops = batch.offsets[..., 0], batch.offsets[..., 1]
            rows = np.arange(len(batch))[:, None]
            given_away = mask & (until[rows, stops] == until[rows, starts])
            if given_away.any():
                bad_rows, columns = np.nonzero(given_away)
                row, column = int(bad_rows[0]), int(columns[0])
                start, stop = batch.offsets[row, column]
                require(
                    False,
                    expected="a hidden nucleotide in every chosen token",
                    came=f"{given_away.sum() / mask.sum():.0%} of the chosen tokens can be read off their "
                    f"neighbours at rate {rate}: choose every token that shows a hidden nucleotide",
                    example=f"{layout}, row {row}: the token of nucleotides [{start}, {stop}) is chosen, and "
                    "visible tokens show all of them",
                )
