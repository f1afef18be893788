"""The split: nothing in both, nothing lost but what was agreed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.corpus.split import SplitOptions, cut, validation_blocks
from dnamask_plugins.errors import ConfigError


@settings(deadline=None)
@given(st.integers(0, 3_000_000), st.floats(0, 0.5), st.floats(0.001, 0.2), st.integers(0, 99))
def test_blocks_are_disjoint_ascending_and_of_the_wanted_size(
    size: int, fraction: float, border_share: float, seed: int
) -> None:
    options = SplitOptions(fraction, border_share, 510, seed)
    blocks = validation_blocks(size, options)
    flat = blocks.ravel()
    assert (np.diff(flat) >= 0).all()
    assert ((flat >= 0) & (flat <= size)).all()
    total = int((blocks[:, 1] - blocks[:, 0]).sum())
    wanted = int(size * fraction)
    assert wanted - len(blocks) < total <= wanted or total == wanted == 0
    if len(blocks) > 1:
        assert 2 * len(blocks) * 509 <= border_share * size


def test_seed_moves_the_blocks() -> None:
    first, again, other = (validation_blocks(10**6, SplitOptions(seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 40), max_size=12),
    st.lists(st.integers(0, 250), max_size=12, unique=True),
    st.integers(1, 10),
)
def test_cutting_labels_every_nucleotide_as_its_block_says(
    lengths: list[int], borders: list[int], shortest: int
) -> None:
    size = sum(lengths)
    edges = sorted(border for border in borders if border <= size)
    blocks = np.array(edges[: len(edges) & ~1], dtype=np.int64).reshape(-1, 2)
    length = np.array(lengths, dtype=np.int64)
    start = np.cumsum(length) - length
    origin = 1000 * np.arange(length.size)
    regions = cut(start, length, np.arange(length.size), origin, blocks, shortest)

    run_of = np.repeat(np.arange(length.size), length)
    validation = np.zeros(size, dtype=bool)
    for first, last in blocks:
        validation[first:last] = True
    # Pieces by hand: maximal stretches of one run and one label.
    expected, position = [], 0
    while position < size:
        stop = position
        while stop < size and (run_of[stop], validation[stop]) == (run_of[position], validation[position]):
            stop += 1
        expected.append((position, stop - position, bool(validation[position])))
        position = stop
    got = sorted(
        zip(regions.start.tolist(), regions.length.tolist(), regions.validation.tolist(), strict=True)
    )
    assert got == [piece for piece in expected if piece[1] >= shortest]
    for first, count, label in got:
        assert count >= shortest
        assert (validation[first : first + count] == label).all()
        run = run_of[first]
        assert (run_of[first : first + count] == run).all()
    np.testing.assert_array_equal(
        regions.origin, 1000 * regions.record + regions.start - start[regions.record]
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"validation_fraction": -0.1},
        {"validation_fraction": 0.6},
        {"validation_fraction": float("nan")},
        {"border_share": 0},
        {"border_share": 1},
        {"window": 0},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        SplitOptions(**wrong)  # type: ignore[arg-type]
