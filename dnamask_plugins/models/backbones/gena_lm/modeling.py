"""GENA-LM's network: transformers' BERT whose blocks have their norm in front of them.

Parameters have the names of the published checkpoint.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import nn
from transformers import BertForMaskedLM, BertForSequenceClassification, BertModel
from transformers.models.bert.modeling_bert import BertEncoder, BertLayer

from dnamask_plugins.models.backbones.base import Architecture
from dnamask_plugins.models.backbones.gena_lm.configuration import GenaConfig


class Projection(nn.Module):
    """The end of a block without residual and norm, which are elsewhere here."""

    def __init__(self, width: int, config: GenaConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(width, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden_states: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        """Map (..., width) to (..., hidden)."""
        return self.dropout(self.dense(hidden_states))


class PreNormLayer(BertLayer):
    """Norm, attention, residual; norm, feed-forward block, residual (Xiong et al. 2020, arXiv 2002.04745)."""

    def __init__(self, config: GenaConfig, layer_idx: int | None = None) -> None:
        super().__init__(config, layer_idx=layer_idx)
        self.attention.output = Projection(config.hidden_size, config)
        self.output = Projection(config.intermediate_size, config)
        self.pre_attention_ln = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.post_attention_ln = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Map (B, L, hidden) to (B, L, hidden)."""
        # What BERT as a decoder would want.
        for name in ("encoder_attention_mask", "encoder_hidden_states", "cache", "past_key_values"):
            kwargs.pop(name, None)
        attended = self.attention(self.pre_attention_ln(hidden_states), attention_mask, **kwargs)[0]
        return self.feed_forward_chunk(hidden_states + attended)

    def feed_forward_chunk(self, attention_output: torch.Tensor) -> torch.Tensor:
        """Add what the feed-forward block says."""
        return attention_output + self.output(self.intermediate(self.post_attention_ln(attention_output)))


class PreNormEncoder(BertEncoder):
    """The stack of layers, with a norm after the last one in the ``lastln`` forms."""

    def __init__(self, config: GenaConfig) -> None:
        super().__init__(config)
        self.layer = nn.ModuleList(
            PreNormLayer(config, layer_idx=index) for index in range(config.num_hidden_layers)
        )
        self.last_layer_ln = (
            nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps) if config.last_layer_norm else None
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """As BERT's, and normalise what the last layer gives."""
        encoded = super().forward(*args, **kwargs)
        if self.last_layer_ln is not None:
            encoded.last_hidden_state = self.last_layer_ln(encoded.last_hidden_state)
        return encoded


class GenaModel(BertModel):
    """The encoder."""

    config_class = GenaConfig

    def __init__(self, config: GenaConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config, add_pooling_layer=add_pooling_layer)
        _move_norms(self, config)
        self.post_init()


def _move_norms(model: BertModel, config: GenaConfig) -> None:
    if config.pre_layer_norm:
        model.encoder = PreNormEncoder(config)


class GenaForMaskedLM(BertForMaskedLM):
    """The encoder with the masked-language-model head."""

    config_class = GenaConfig

    def __init__(self, config: GenaConfig) -> None:
        super().__init__(config)
        _move_norms(self.bert, config)
        self.post_init()


class GenaForSequenceClassification(BertForSequenceClassification):
    """The encoder with BERT's classifier on the pooled first token."""

    config_class = GenaConfig

    def __init__(self, config: GenaConfig) -> None:
        super().__init__(config)
        _move_norms(self.bert, config)
        self.post_init()


ARCHITECTURE: Final = Architecture(GenaConfig, GenaModel, GenaForMaskedLM, GenaForSequenceClassification)
