"""ProkBERT's network: transformers' Megatron-BERT with learned relative positions.

Parameters have the names of the published checkpoint. Its table of absolute positions is read by nothing and
left out.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import MegatronBertForMaskedLM, MegatronBertForSequenceClassification, MegatronBertModel
from transformers.models.megatron_bert.modeling_megatron_bert import MegatronBertSelfAttention

from dnamask_plugins.models.backbones.base import Architecture
from dnamask_plugins.models.backbones.embeddings import WordAndTypeEmbeddings
from dnamask_plugins.models.backbones.prokbert.configuration import KEY_AND_QUERY, ProkBertConfig

UNREAD = [r"embeddings\.position_embeddings\.weight"]


class RelativeSelfAttention(MegatronBertSelfAttention):
    """Scores depend on the distance too: a query, and a key, meet the vector of their distance.

    The score of tokens l and r is (q_l k_r + q_l e_(l - r) + k_r e_(l - r)) / sqrt(size).
    """

    def __init__(self, config: ProkBertConfig, layer_idx: int | None = None) -> None:
        super().__init__(config, layer_idx=layer_idx)
        self.reach = config.max_position_embeddings
        self.keys_too = config.position_embedding_type == KEY_AND_QUERY
        self.distance_embedding = nn.Embedding(2 * self.reach - 1, self.attention_head_size)

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
    ) -> tuple[torch.Tensor, None]:
        """Map (B, L, hidden) to (B, L, hidden)."""
        shape = (*hidden_states.shape[:-1], -1, self.attention_head_size)
        query, key, value = (
            layer(hidden_states).view(shape).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        bias = self.by_distance(query, key) * self.attention_head_size**-0.5
        if attention_mask is not None:
            bias = bias + attention_mask
        dropout = self.dropout.p if self.training else 0.0
        attended = scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropout)
        return attended.transpose(1, 2).reshape(hidden_states.shape), None

    def by_distance(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """Return what distances add to the scores, (B, heads, L, L), before they are divided.

        Raises
        ------
        IndexError
            The row is longer than `max_position_embeddings`.
        """
        length = query.shape[2]
        place = torch.arange(length, device=query.device)
        # Two lookups, from 0 upwards and from -1 downwards: so `positions.max_positions` finds the limit.
        ahead = self.distance_embedding(self.reach - 1 + place)
        behind = self.distance_embedding(self.reach - 1 - place[1:])
        vectors = torch.cat((behind.flip(0), ahead)).transpose(0, 1).to(query.dtype)
        distance = place[:, None] - place[None, :] + length - 1
        index = distance.expand(*query.shape[:2], -1, -1)
        scores = (query @ vectors).gather(-1, index)
        if self.keys_too:
            scores = scores + (key @ vectors).gather(-1, index.transpose(2, 3)).transpose(2, 3)
        return scores


class ProkBertModel(MegatronBertModel):
    """The encoder."""

    config_class = ProkBertConfig
    _keys_to_ignore_on_load_unexpected = UNREAD

    def __init__(self, config: ProkBertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config, add_pooling_layer=add_pooling_layer)
        self.embeddings = WordAndTypeEmbeddings(config, norm=False)
        for index, layer in enumerate(self.encoder.layer):
            layer.attention.self = RelativeSelfAttention(config, layer_idx=index)
        self.post_init()


class ProkBertForMaskedLM(MegatronBertForMaskedLM):
    """The encoder with the masked-language-model head."""

    config_class = ProkBertConfig
    _keys_to_ignore_on_load_unexpected = UNREAD

    def __init__(self, config: ProkBertConfig) -> None:
        super().__init__(config)
        self.bert = ProkBertModel(config, add_pooling_layer=False)
        self.post_init()


class ProkBertForSequenceClassification(MegatronBertForSequenceClassification):
    """The encoder with Megatron-BERT's classifier on the pooled first token."""

    config_class = ProkBertConfig
    _keys_to_ignore_on_load_unexpected = UNREAD

    def __init__(self, config: ProkBertConfig) -> None:
        super().__init__(config)
        self.bert = ProkBertModel(config)
        self.post_init()


ARCHITECTURE: Final = Architecture(
    ProkBertConfig, ProkBertModel, ProkBertForMaskedLM, ProkBertForSequenceClassification
)
