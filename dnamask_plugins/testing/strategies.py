"""What a masking strategy promises beyond its types."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np

from dnamask_plugins.budget import Budget, hidden_nucleotides, hidden_rate, token_rate
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.protocols import NEEDS
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.building import declared
from dnamask_plugins.testing import samples
from dnamask_plugins.testing.core import CheckFailure, NotRun, promise, require
from dnamask_plugins.testing.fresh_process import select_in_fresh_process
from dnamask_plugins.testing.global_state import fixed_global_state, snapshot
from dnamask_plugins.types import BoolArray, TokenBatch

RATES = (0.05, 0.15, 0.4)
RATE_BOUND = 0.02
"""Distance between mean realised and wanted rate; a strategy may state its own as `rate_bound`."""

TYPICAL = Budget(0.15)


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
    from dnamask_plugins.nucleotides import decode_codes

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
    with fixed_global_state():
        before = snapshot()
        strategy.select(batch, samples.key_for(len(batch)), TYPICAL)
        after = snapshot()
    moved = [name for name in before if before[name] != after.get(name)]
    require(
        not moved,
        expected="global generators as they were",
        came=f"draws from {', '.join(moved)}",
        example="use key.uniform(count) or key.generator(row)",
    )


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
    bound = float(getattr(strategy, "rate_bound", RATE_BOUND))
    for layout in samples.LAYOUTS:
        batch = samples.batch(layout)
        for rate in RATES:
            masks = [select_sample(strategy, layout, Budget(rate), step) for step in range(4)]
            realised = float(np.mean([np.nanmean(token_rate(mask, batch)) for mask in masks]))
            require(
                abs(realised - rate) <= bound,
                expected=f"{rate} within {bound}",
                came=f"{realised:.4f}",
                example=f"{layout}, {len(batch)} sequences, 4 steps; a rate_bound may be stated",
            )


@promise("strategies", needs=("rate_one_chooses_everything",))
def nucleotide_budget_is_kept(strategy: Any) -> None:
    """Hide the budget's share of the nucleotides when the budget is per nucleotide."""
    bound = float(getattr(strategy, "rate_bound", RATE_BOUND))
    for layout in samples.LAYOUTS:
        batch = samples.batch(layout)
        budget = Budget(0.15, per="nucleotide")
        masks = [select_sample(strategy, layout, budget, step) for step in range(4)]
        realised = float(np.mean([np.nanmean(hidden_rate(mask, batch)) for mask in masks]))
        require(
            abs(realised - 0.15) <= bound,
            expected=f"0.15 within {bound} of the nucleotides hidden",
            came=f"{realised:.4f}",
            example=f"{layout}, Budget(0.15, per='nucleotide')",
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
