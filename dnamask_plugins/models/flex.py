"""Attention with a bias and without padding: PyTorch's FlexAttention over windows that follow each other."""

from __future__ import annotations

import functools
from typing import Any, Final

import torch
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from dnamask_plugins.models.packed_attention import Attention
from dnamask_plugins.models.segments import Segments

_BLOCK: Final = 128
"""Tokens of a block, which is computed as a whole or not at all."""


def attend_with_flex(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention: Attention,
    flex: Any = flex_attention,
) -> torch.Tensor:
    """Attend within each window; see `packed_attention.attend`.

    Parameters
    ----------
    query : tensor, shape (M, H, D)
    key, value : tensor, shape (T, H, D)
    attention : Attention
        With a bias of shape (H, W, W), and without dropout.
    flex : callable
        `flex_attention`, compiled or not; what is not compiled writes out all M x T scores.
    """
    asking, windows, bias = attention.asking, attention.windows, attention.bias
    if bias is not None:
        # One bias may be that of all heads.
        bias = bias.expand(query.shape[1], -1, -1)
    window_of_query, window_of_key, place_of_key = asking.row, windows.row, windows.slot
    place_of_query = windows.slot if attention.places is None else attention.places

    def with_bias(score: Any, _batch: Any, head: Any, asker: Any, asked: Any) -> Any:
        if bias is None:
            return score
        return score + bias[head, place_of_query[asker], place_of_key[asked]]

    def in_one_window(_batch: Any, _head: Any, asker: Any, asked: Any) -> Any:
        return window_of_query[asker] == window_of_key[asked]

    # PyTorch 2.11 cannot compile it under autocast, which has nothing to convert here.
    with torch.autocast(query.device.type, enabled=False):
        attended = flex(
            query.transpose(0, 1)[None],
            key.transpose(0, 1)[None],
            value.transpose(0, 1)[None],
            score_mod=with_bias,
            block_mask=block_mask(asking, windows, in_one_window),
            scale=attention.scale,
        )
    return attended[0].transpose(0, 1)


def block_mask(asking: Segments, windows: Segments, in_one_window: Any) -> BlockMask:
    """Say which blocks of keys each block of queries needs: those of the windows it lies in, all neighbours.

    Made from where windows begin, without the M x T table that PyTorch's own maker writes, and without a
    wait for the device.

    Examples
    --------
    >>> windows = Segments.from_lengths([200, 56])
    >>> mask = block_mask(windows, windows, lambda b, h, q, k: windows.row[q] == windows.row[k])
    >>> mask.kv_num_blocks.tolist()
    [[[2, 2]]]
    """
    queries, keys = asking.row.shape[0], windows.row.shape[0]
    blocks, key_blocks = -(-queries // _BLOCK), -(-keys // _BLOCK)
    device = asking.row.device
    starts = torch.arange(blocks, device=device) * _BLOCK
    first, last = asking.row[starts], asking.row[(starts + _BLOCK - 1).clamp(max=queries - 1)]
    begin = windows.cumulative[first] // _BLOCK
    end = (windows.cumulative[last + 1] - 1) // _BLOCK + 1
    # After the needed ones come the others, as PyTorch wants it.
    order = (begin[:, None] + torch.arange(key_blocks, device=device)) % key_blocks
    return BlockMask.from_kv_blocks(
        (end - begin).to(torch.int32)[None, None],
        order.to(torch.int32)[None, None],
        BLOCK_SIZE=_BLOCK,
        mask_mod=in_one_window,
        seq_lengths=(queries, keys),
    )


@functools.cache
def compiled_flex() -> Any:
    """Return FlexAttention compiled, once for all shapes."""
    return torch.compile(flex_attention, dynamic=True)
