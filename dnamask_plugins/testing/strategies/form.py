"""What a strategy is built from and what it returns."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from dnamask_plugins.budget import Budget
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.protocols import NEEDS
from dnamask_plugins.strategies.building import declared
from dnamask_plugins.testing import samples
from dnamask_plugins.testing.core import promise, require
from dnamask_plugins.testing.global_state import fixed_global_state, no_global_draw
from dnamask_plugins.testing.strategies.calling import (
    TYPICAL,
    select,
    show,
)


@promise("strategies", needs=("configuration_round_trips",))
def takes_the_table_that_it_needs(strategy: Any) -> None:
    """Declare `needs` where a table is a parameter, take the one that is given, and refuse to go without."""
    plugin, needs = type(strategy), declared(strategy, "needs")
    unknown = sorted(set(needs) - set(NEEDS))
    require(
        not unknown,
        expected=f"needs among {NEEDS}",
        came=f"needs = {needs}",
        example=f"no run can give {', '.join(unknown)}",
    )
    for need in set(NEEDS) & set(inspect.signature(plugin).parameters):
        require(
            need in needs,
            expected=f'needs = ("{need}",) in the class, since it has a parameter {need}',
            came=f"needs = {needs}",
            example="a run gives its table only to strategies that ask for it; this one would go without",
        )
    if "npmi" not in needs:
        return
    config = {key: value for key, value in strategy.to_config().items() if key != "npmi"}
    table = samples.score_table()
    built = plugin.from_config({**config, "npmi": table}).to_config()
    require(
        built.get("npmi") is not None,
        expected="the table in the configuration of what was built with it",
        came=f"npmi = {built.get('npmi')!r}",
        example="from_config({..., 'npmi': a table of 3-mers}).to_config()",
    )
    try:
        without = plugin.from_config({**config, "npmi": None})
    except (DnamaskError, TypeError, ValueError):
        return
    require(
        False,
        expected="an error that asks for the table",
        came=repr(without),
        example="from_config({..., 'npmi': None})",
    )


@promise("strategies")
def returns_a_mask(strategy: Any) -> None:
    """Return a bool array of the shape of input_ids."""
    for layout in samples.LAYOUTS:
        batch = samples.batch(layout)
        with fixed_global_state():
            mask = strategy.select(samples.copy_of(batch), samples.key_for(len(batch)), TYPICAL)
        described = (
            f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else f"a {type(mask).__name__}"
        )
        good = isinstance(mask, np.ndarray) and mask.dtype == bool and mask.shape == batch.input_ids.shape
        require(
            good,
            expected=f"a bool array {batch.input_ids.shape}",
            came=described,
            example=f"select on {layout}",
        )


@promise("strategies", needs=("returns_a_mask",))
def works_on_one_row(strategy: Any) -> None:
    """Work on a batch of one example."""
    for layout in samples.LAYOUTS:
        batch = samples.batch(layout)[:1]
        mask = select(strategy, batch, samples.key_for(1))
        require(
            mask.shape == batch.input_ids.shape,
            expected=f"shape {batch.input_ids.shape}",
            came=f"{mask.shape}",
            example=f"{layout}, {show(batch, 0)}",
        )


@promise("strategies", needs=("returns_a_mask",))
def works_without_tokens(strategy: Any) -> None:
    """Choose nothing, and raise nothing, in empty sequences and in rows of N alone."""
    texts = ["ACGTTGCAACGT", "", "NNNNNNNNNN", "A"]
    for layout in samples.LAYOUTS:
        batch = samples.lay_out(texts, layout)
        mask = select(strategy, batch, samples.key_for(len(texts)), Budget(1.0))
        empty = np.flatnonzero(batch.special_tokens_mask.all(axis=1))
        require(
            not mask[empty].any(),
            expected="nothing chosen in a row without ordinary tokens",
            came=f"columns {np.flatnonzero(mask[empty].any(axis=0)).tolist()}",
            example=f"{layout}, sequences {[texts[row] for row in empty]}",
        )


@promise("strategies", needs=("returns_a_mask",))
def leaves_its_input_alone(strategy: Any) -> None:
    """Leave the arrays of the batch and of the key as they were."""
    for layout in samples.LAYOUTS:
        original = samples.batch(layout)
        given, key = samples.copy_of(original), samples.key_for(len(original))
        words = key.words.copy()
        with fixed_global_state():
            strategy.select(given, key, TYPICAL)
        for field in samples.ARRAYS:
            before, after = getattr(original, field), getattr(given, field)
            if before is None or np.array_equal(before, after):
                continue
            place = tuple(int(each[0]) for each in np.nonzero(before != after))
            require(
                False,
                expected=f"{field}{list(place)} = {before[place]}",
                came=f"{after[place]}",
                example=f"select on {layout}",
            )
        require(
            np.array_equal(words, key.words),
            expected="the key's words unchanged",
            came="other words",
            example=f"select on {layout}",
        )


@promise("strategies", needs=("returns_a_mask",))
def leaves_global_random_state_alone(strategy: Any) -> None:
    """Draw from the key alone, and not from random, numpy.random or torch."""
    batch = samples.copy_of(samples.batch("6-mers"))
    with no_global_draw("use key.uniform(count) or key.generator(row)"):
        strategy.select(batch, samples.key_for(len(batch)), TYPICAL)
