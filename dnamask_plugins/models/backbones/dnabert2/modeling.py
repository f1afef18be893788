"""DNABERT-2's network: BERT without position embeddings, with ALiBi and a gated feed-forward block.

Parameters have the names of the published checkpoint. Inside, only real tokens exist: hidden states have
the shape (T, hidden), and `packed_rows` keeps attention within each sequence.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import nn
from torch.nn.functional import gelu
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPooling

from dnamask_plugins.models.backbones.dnabert2.configuration import DnaBert2Config
from dnamask_plugins.models.backbones.embeddings import WordAndTypeEmbeddings
from dnamask_plugins.models.packed_rows import PackedRows
from dnamask_plugins.models.padded_rows import PaddedRows, Rows


def alibi_slopes(heads: int) -> list[float]:
    """Return the slope of each attention head (Press et al., ICLR 2022).

    For a power of two they are 2^(-8/n), 2^(-16/n), ...; for another count, by the rule of their
    published code, those of the power below, and then every second one of the power above.

    Examples
    --------
    >>> alibi_slopes(4)
    [0.25, 0.0625, 0.015625, 0.00390625]
    >>> alibi_slopes(6)[4:]
    [0.5, 0.125]
    """
    below = 2 ** int(math.log2(heads))
    slopes = [2 ** (-8 * number / below) for number in range(1, below + 1)]
    between = [2 ** (-8 * number / (2 * below)) for number in range(1, 2 * below + 1, 2)]
    return slopes + between[: heads - below]


def alibi_bias(heads: int, width: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Return what is added to the scores of two places: -slope * distance, shape (heads, width, width)."""
    place = torch.arange(width, device=device)
    distance = (place[None, :] - place[:, None]).abs()
    return (-_slopes_on(heads, device)[:, None, None] * distance).to(dtype)


@functools.cache
def _slopes_on(heads: int, device: torch.device) -> torch.Tensor:
    # Copied once: a copy from the host makes it wait for all that the device has still to do.
    return torch.tensor(alibi_slopes(heads), device=device)


class DnaBert2SelfAttention(nn.Module):
    """Queries, keys and values from one matrix, in that order."""

    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.dropout = config.attention_probs_dropout_prob
        self.Wqkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)

    def forward(self, hidden: torch.Tensor, rows: Rows, bias: torch.Tensor) -> torch.Tensor:
        """Attend within each sequence, (T, hidden) to (T, hidden)."""
        query, key, value = self.Wqkv(hidden).unflatten(1, (3, self.heads, -1)).unbind(1)
        dropout = self.dropout if self.training else 0.0
        return rows.attend(query, key, value, bias=bias.to(query.dtype), dropout=dropout).flatten(1)


class DnaBert2SelfOutput(nn.Module):
    """Projection, residual and norm after attention."""

    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, attended: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Add to what went into attention."""
        return self.LayerNorm(self.dropout(self.dense(attended)) + hidden)


class DnaBert2Attention(nn.Module):
    """Attention with its residual."""

    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.self = DnaBert2SelfAttention(config)
        self.output = DnaBert2SelfOutput(config)

    def forward(self, hidden: torch.Tensor, rows: Rows, bias: torch.Tensor) -> torch.Tensor:
        """Map (T, hidden) to (T, hidden)."""
        return self.output(self.self(hidden, rows, bias), hidden)


class DnaBert2GatedMLP(nn.Module):
    """GELU of one half times the other half, with its residual."""

    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.gated_layers = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.wo = nn.Linear(config.intermediate_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Map (T, hidden) to (T, hidden)."""
        gate, content = self.gated_layers(hidden).chunk(2, dim=-1)
        return self.layernorm(self.wo(self.dropout(gelu(gate) * content)) + hidden)


class DnaBert2Layer(GradientCheckpointingLayer):
    """Attention and feed-forward block."""

    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.attention = DnaBert2Attention(config)
        self.mlp = DnaBert2GatedMLP(config)

    def forward(self, hidden: torch.Tensor, rows: Rows, bias: torch.Tensor) -> torch.Tensor:
        """Map (T, hidden) to (T, hidden)."""
        return self.mlp(self.attention(hidden, rows, bias))


class DnaBert2Encoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.layer = nn.ModuleList(DnaBert2Layer(config) for _ in range(config.num_hidden_layers))


class DnaBert2Pooler(nn.Module):
    """Dense layer and tanh on the first token."""

    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Map (B, L, hidden) to (B, hidden)."""
        return torch.tanh(self.dense(hidden[:, 0]))


class DnaBert2PreTrainedModel(PreTrainedModel):
    """What the models share with the rest of transformers."""

    config_class = DnaBert2Config
    config: DnaBert2Config
    base_model_prefix = "bert"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ["DnaBert2Layer"]  # noqa: RUF012


class DnaBert2Model(DnaBert2PreTrainedModel):
    """The encoder.

    Parameters
    ----------
    config : DnaBert2Config
    add_pooling_layer : bool
        Whether to have the pooler that the classifier reads.
    """

    def __init__(self, config: DnaBert2Config, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = WordAndTypeEmbeddings(config, norm=True)
        self.encoder = DnaBert2Encoder(config)
        self.pooler = DnaBert2Pooler(config) if add_pooling_layer else None
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the word embeddings."""
        return self.embeddings.word_embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the word embeddings."""
        self.embeddings.word_embeddings = value  # type: ignore[assignment]

    def bias(self, width: int, like: torch.Tensor) -> torch.Tensor:
        """Return the ALiBi bias for sequences of up to `width` tokens."""
        kind = like.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype
        return alibi_bias(self.config.num_attention_heads, width, like.device, dtype)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        rows: Rows | None = None,
        **_: Any,
    ) -> BaseModelOutputWithPooling | tuple[Any, ...]:
        """Encode sequences of any length.

        Parameters
        ----------
        input_ids : int64 tensor, shape (B, L)
            Or `inputs_embeds`, shape (B, L, hidden).
        attention_mask : tensor, shape (B, L), optional
            Non-zero for tokens. Nothing is computed on padding, except in a compiled graph.
        token_type_ids : int64 tensor, shape (B, L), optional
        output_hidden_states, return_dict : bool, optional
        rows : Rows, optional
            How the tokens lie, where the caller has worked it out from `attention_mask` already.

        Returns
        -------
        BaseModelOutputWithPooling
            Hidden states are zero on padding.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give exactly one of input_ids and inputs_embeds")
        given: Any = input_ids if inputs_embeds is None else inputs_embeds
        if rows is None:
            rows = find_rows(given, attention_mask)
        packed = rows.pack(given)
        types = None if token_type_ids is None else rows.pack(token_type_ids)
        hidden = (
            self.embeddings(packed, types) if inputs_embeds is None else self.embeddings(None, types, packed)
        )
        bias = rows.prepare(self.bias(given.shape[1], hidden))
        kept = [rows.unpack(hidden)] if output_hidden_states else None
        for layer in self.encoder.layer:
            hidden = layer(hidden, rows, bias)
            if kept is not None:
                kept.append(rows.unpack(hidden))
        last = rows.unpack(hidden)
        pooled = None if self.pooler is None else self.pooler(last)
        output = BaseModelOutputWithPooling(
            last_hidden_state=last, pooler_output=pooled, hidden_states=None if kept is None else tuple(kept)
        )
        return output.to_tuple() if return_dict is False else output


def find_rows(given: torch.Tensor, attention_mask: torch.Tensor | None) -> Rows:
    """Work out which tokens of a batch (B, L, ...) are real; none is left out where all are."""
    batch, width = given.shape[:2]
    if attention_mask is None:
        return PaddedRows(batch, width, None)
    if torch.compiler.is_compiling():
        return PaddedRows(batch, width, attention_mask.bool())
    if bool(attention_mask.all()):
        return PaddedRows(batch, width, None)
    return PackedRows.from_attention_mask(attention_mask)
