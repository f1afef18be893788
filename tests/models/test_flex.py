"""FlexAttention over packed windows is attention with a bias over padded ones."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from dnamask_plugins.models import packed_attention
from dnamask_plugins.models.flex import attend_with_flex, block_mask
from dnamask_plugins.models.packed_attention import Attention, attend_padded
from dnamask_plugins.models.segments import Segments

HEADS, SIZE = 2, 16


def problem(lengths: list[int], asked: list[int] | None) -> tuple[list[torch.Tensor], Attention]:
    generator = torch.Generator().manual_seed(0)
    windows = Segments.from_lengths(lengths)
    asking = windows if asked is None else Segments.from_lengths(asked)
    places = None
    if asked is not None:
        places = torch.cat([torch.randperm(n, generator=generator)[:m] for n, m in zip(lengths, asked)])  # noqa: B905
    width = max(lengths)
    bias = torch.randn(HEADS if asked else 1, width, width, generator=generator)
    states = [
        torch.randn(sum(each.lengths), HEADS, SIZE, generator=generator)
        for each in (asking, windows, windows)
    ]
    return states, Attention(windows, asking, places, bias, scale=0.3)


@pytest.mark.parametrize(
    ("lengths", "asked"),
    [([5, 5, 3, 1], None), ([140, 130, 4], None), ([140, 130, 4], [20, 0, 3]), ([300], [1])],
)
def test_values_are_those_of_the_padded_way(lengths: list[int], asked: list[int] | None) -> None:
    # Values alone: on a CPU, PyTorch's FlexAttention has no backward pass.
    states, attention = problem(lengths, asked)
    expected, found = attend_padded(*states, attention), attend_with_flex(*states, attention)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_nobody_asks() -> None:
    states, attention = problem([4, 2], [0, 0])
    assert packed_attention.attend(*states, attention).shape == (0, HEADS, SIZE)


@pytest.mark.parametrize("lengths", [[1], [128], [129, 1], [300, 200, 128, 5], [64] * 9])
def test_blocks_are_those_that_share_a_window(lengths: list[int]) -> None:
    windows = Segments.from_lengths(lengths)
    mask = block_mask(windows, windows, lambda b, h, q, k: windows.row[q] == windows.row[k])
    same = windows.row[:, None] == windows.row[None, :]
    edges = [*range(0, len(same), 128), len(same)]
    for number, (begin, end) in enumerate(pairwise(edges)):
        needed = {
            column for column, (low, high) in enumerate(pairwise(edges)) if same[begin:end, low:high].any()
        }
        count = int(mask.kv_num_blocks[0, 0, number])
        assert set(mask.kv_indices[0, 0, number, :count].tolist()) == needed


def test_it_is_not_used_where_nobody_asked_for_it_or_no_gpu_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not packed_attention.uses_flex(torch.device("cpu"))
    monkeypatch.setenv("DNAMASK_FLEX_ATTENTION", "1")
    assert not packed_attention.uses_flex(torch.device("cpu"))
