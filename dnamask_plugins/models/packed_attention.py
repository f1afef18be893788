"""Attention within each of several windows that lie one after the other, in four ways.

On a CPU, windows of one length share a call of PyTorch's attention and others have their own. On a GPU the
variable-length kernel is used where it can be. It knows no bias (ALiBi): then FlexAttention does, where it is
switched on, or the windows are padded for the length of that one call.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.nn.functional import pad, scaled_dot_product_attention

from dnamask_plugins.models.segments import Segments

try:
    from torch.nn.attention.varlen import varlen_attn as _varlen_attn

    varlen_attn: Any = _varlen_attn
except ImportError:  # PyTorch before 2.10
    varlen_attn = None
# The first versions of the kernel's interface had no scale.
_KERNEL_SCALES: Final = varlen_attn is not None and "scale" in inspect.signature(varlen_attn).parameters


@dataclass(frozen=True, eq=False)
class Attention:
    """Which tokens attend to which, and how scores are made.

    Attributes
    ----------
    windows : Segments
        Of the T keys and values.
    asking : Segments
        Of the M queries; `windows` itself where every token asks.
    places : int64 tensor, shape (M,), or None
        Place of each query in its window, where some tokens ask and there is a bias.
    bias : tensor, shape (H, W, W), or what `hide_padding` made of it, or None
        Added to the scores.
    scale : float or None
        Factor of the scores, 1 / sqrt(D) by default.
    dropout : float
    """

    windows: Segments
    asking: Segments
    places: torch.Tensor | None = None
    bias: torch.Tensor | None = None
    scale: float | None = None
    dropout: float = 0.0

    def of_heads(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Attend within padded rows, each (B, H, L, D)."""
        return scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=self.dropout, scale=self.scale
        )


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention: Attention) -> torch.Tensor:
    """Attend in the way that suits the device.

    Parameters
    ----------
    query : tensor, shape (M, H, D)
    key, value : tensor, shape (T, H, D)
    attention : Attention

    Returns
    -------
    tensor, shape (M, H, D)
    """
    if query.shape[0] == 0:
        # No kernel takes that; the graph still reaches every parameter.
        return query + 0 * (key.sum() + value.sum())
    if query.device.type == "cpu":
        return attend_in_groups(query, key, value, attention)
    if attention.bias is None and _kernel_takes(query, attention):
        return _attend_by_kernel(query, key, value, attention)
    if _flex_takes(query, attention):
        from dnamask_plugins.models.flex import attend_with_flex, compiled_flex

        return attend_with_flex(query, key, value, attention, compiled_flex())
    return attend_padded(query, key, value, attention)


@dataclass(frozen=True)
class _Group:
    """Neighbouring windows of one length: how many, their tokens each, and the queries of each."""

    count: int
    length: int
    queries: int


def _groups(attention: Attention) -> list[_Group]:
    """Return the windows in groups; where only some tokens ask, each window is one."""
    lengths = attention.windows.lengths
    if attention.asking is attention.windows:
        return [_Group(len(list(same)), length, length) for length, same in itertools.groupby(lengths)]
    asked = attention.asking.lengths
    return [_Group(1, length, queries) for length, queries in zip(lengths, asked, strict=True)]


def _biases(attention: Attention, groups: list[_Group]) -> Iterator[torch.Tensor | None]:
    """Yield the bias of each group, (1, H, queries, length)."""
    bias = attention.bias
    if bias is None:
        yield from itertools.repeat(None, len(groups))
    elif attention.places is None:
        yield from (bias[None, :, : each.length, : each.length] for each in groups)
    else:
        places = attention.places.split([each.queries for each in groups])
        yield from (bias[None, :, own, : each.length] for own, each in zip(places, groups, strict=True))


def attend_in_groups(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention: Attention
) -> torch.Tensor:
    """See `attend`; a call for every group of windows of one length."""
    groups = _groups(attention)
    tokens = [each.count * each.length for each in groups]
    # split and not slices: the backward pass of a split writes each gradient once.
    parts = zip(
        groups,
        query.split([each.count * each.queries for each in groups]),
        key.split(tokens),
        value.split(tokens),
        _biases(attention, groups),
        strict=True,
    )
    outputs = []
    for group, own_query, own_key, own_value, bias in parts:
        if group.queries:
            heads = (
                own_query.unflatten(0, (group.count, group.queries)).transpose(1, 2),
                own_key.unflatten(0, (group.count, group.length)).transpose(1, 2),
                own_value.unflatten(0, (group.count, group.length)).transpose(1, 2),
            )
            mask = None if bias is None else bias.expand(group.count, -1, -1, -1)
            outputs.append(attention.of_heads(*heads, mask).transpose(1, 2).flatten(0, 1))
    return torch.cat(outputs)


def attend_padded(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention: Attention
) -> torch.Tensor:
    """See `attend`; windows are padded to one width."""
    windows, asking = attention.windows, attention.asking
    mask = windows.visible()[:, None, None, :]
    if attention.bias is not None:
        bias = attention.bias
        mask = hide_padding(bias, windows) if bias.dim() == 3 else bias
        if attention.places is not None:
            places = asking.grid(attention.places)
            rows = torch.arange(places.shape[0], device=places.device)[:, None]
            mask = mask[rows, :, places].transpose(1, 2)
    heads = (
        asking.grid(query).transpose(1, 2),
        windows.grid(key).transpose(1, 2),
        windows.grid(value).transpose(1, 2),
    )
    return attention.of_heads(*heads, mask).transpose(1, 2)[asking.row, asking.slot]


def hide_padding(bias: torch.Tensor, windows: Segments) -> torch.Tensor:
    """Return a bias (H, W, W) for padded windows, (B, H, width, width), very low where there is no token."""
    short = windows.width - bias.shape[-1]
    if short > 0:
        bias = pad(bias, (0, short, 0, short))
    visible = windows.visible()[:, None, None, :]
    return torch.where(visible, bias[None, :, : windows.width, : windows.width], torch.finfo(bias.dtype).min)


def _kernel_takes(query: torch.Tensor, attention: Attention) -> bool:
    half = query.dtype in (torch.float16, torch.bfloat16)
    scales = attention.scale is None or _KERNEL_SCALES
    return half and scales and attention.dropout == 0 and _has_kernel(query.device)


def _attend_by_kernel(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention: Attention
) -> torch.Tensor:
    asking, windows = attention.asking, attention.windows
    options = {} if attention.scale is None else {"scale": attention.scale}
    return varlen_attn(
        query, key, value, asking.cumulative, windows.cumulative, asking.width, windows.width, **options
    )


def _flex_takes(query: torch.Tensor, attention: Attention) -> bool:
    bias = attention.bias
    return bias is not None and bias.dim() == 3 and attention.dropout == 0 and uses_flex(query.device)


@torch.compiler.assume_constant_result
def uses_flex(device: torch.device) -> bool:
    """Say whether FlexAttention is switched on (``DNAMASK_FLEX_ATTENTION=1``) and runs on a device."""
    return os.environ.get("DNAMASK_FLEX_ATTENTION") == "1" and _is_recent_nvidia(device)


@torch.compiler.assume_constant_result
def _has_kernel(device: torch.device) -> bool:
    """Say whether the variable-length kernel runs on a device."""
    return varlen_attn is not None and _is_recent_nvidia(device)


@functools.cache
def _is_recent_nvidia(device: torch.device) -> bool:
    """Say whether a device is from NVIDIA, Ampere or later."""
    if device.type != "cuda" or torch.version.hip is not None:
        return False
    return torch.cuda.get_device_capability(device)[0] >= 8
