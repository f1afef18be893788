"""MutBERT's network: transformers' BERT with rotary positions, which reads ids or probabilities of letters.

Parameters have the names of the published checkpoint.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from transformers import BertForMaskedLM, BertForSequenceClassification, BertModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.bert.modeling_bert import BertSelfAttention, eager_attention_forward

from dnamask_plugins.models.backbones.base import Architecture
from dnamask_plugins.models.backbones.embeddings import WordAndTypeEmbeddings
from dnamask_plugins.models.backbones.mutbert.configuration import FIRST, MutBertConfig
from dnamask_plugins.models.forward import mean_of_tokens
from dnamask_plugins.models.packed_layers import rotate


def rotary_angles(
    config: MutBertConfig, places: torch.Tensor, longest: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cosines and sines (T, size) of the angles at some places, in float32.

    Parameters
    ----------
    config : MutBertConfig
    places : int64 tensor, shape (T,)
    longest : int
        Tokens of the longest row, on which dynamic scaling depends.
    """
    size = config.hidden_size // config.num_attention_heads
    scaling = config.rotary_scaling or {"type": "none", "factor": 1.0}
    factor, limit, base = scaling["factor"], config.max_position_embeddings, config.rope_theta
    if scaling["type"] == "dynamic" and longest > limit:
        base *= (factor * longest / limit - (factor - 1)) ** (size / (size - 2))
    times = places.float() / (factor if scaling["type"] == "linear" else 1.0)
    speeds = base ** (-torch.arange(0, size, 2, device=places.device).float() / size)
    angles = torch.outer(times, speeds).repeat(1, 2)
    return angles.cos(), angles.sin()


class RotarySelfAttention(BertSelfAttention):
    """BERT's, with queries and keys turned by their places (Su et al. 2021, arXiv 2104.09864)."""

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Map (B, L, hidden) to (B, L, hidden), and the weights where they are at hand."""
        shape = (*hidden_states.shape[:-1], -1, self.attention_head_size)
        query, key, value = (
            layer(hidden_states).view(shape).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        length = hidden_states.shape[1]
        angles = rotary_angles(self.config, torch.arange(length, device=query.device), length)
        kind = self.config._attn_implementation
        attended, weights = ALL_ATTENTION_FUNCTIONS.get_interface(kind, eager_attention_forward)(
            self,
            rotate(query, *angles),
            rotate(key, *angles),
            value,
            attention_mask,
            dropout=self.dropout.p if self.training else 0.0,
            scaling=self.attention_head_size**-0.5,
            **{name: kwargs[name] for name in ("output_attentions",) if name in kwargs},
        )
        return attended.reshape(*hidden_states.shape).contiguous(), weights


class MutBertModel(BertModel):
    """The encoder."""

    config_class = MutBertConfig

    def __init__(self, config: MutBertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config, add_pooling_layer=add_pooling_layer and config.pooler_type == FIRST)
        self.averages = add_pooling_layer and config.pooler_type != FIRST
        self.embeddings = WordAndTypeEmbeddings(config, norm=True)
        for index, layer in enumerate(self.encoder.layer):
            layer.attention.self = RotarySelfAttention(config, layer_idx=index)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Encode rows.

        Parameters
        ----------
        input_ids : int64 tensor, shape (B, L), or float tensor, shape (B, L, vocabulary)
            Ids, or the probability of each token of the vocabulary; one-hot rows are the same as ids.
        attention_mask : tensor, shape (B, L), optional
        inputs_embeds : tensor, shape (B, L, hidden), optional
        return_dict : bool, optional
        **kwargs
            As for BERT.
        """
        if input_ids is not None and input_ids.is_floating_point():
            words = self.embeddings.word_embeddings.weight
            inputs_embeds = input_ids.to(words.dtype) @ words
            input_ids = None
        output = super().forward(
            input_ids=input_ids,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            return_dict=True,
            **kwargs,
        )
        if self.averages:
            last = output.last_hidden_state
            tokens = (
                last.new_ones(last.shape[:2]) if attention_mask is None else attention_mask.to(last.dtype)
            )
            output = type(output)(**{**output, "pooler_output": mean_of_tokens(last, tokens)})
        return output.to_tuple() if return_dict is False else output


class MutBertForMaskedLM(BertForMaskedLM):
    """The encoder with the masked-language-model head."""

    config_class = MutBertConfig

    def __init__(self, config: MutBertConfig) -> None:
        super().__init__(config)
        self.bert = MutBertModel(config, add_pooling_layer=False)
        self.post_init()


class MutBertForSequenceClassification(BertForSequenceClassification):
    """The encoder with a classifier on what is pooled."""

    config_class = MutBertConfig

    def __init__(self, config: MutBertConfig) -> None:
        super().__init__(config)
        self.bert = MutBertModel(config)
        self.post_init()


ARCHITECTURE: Final = Architecture(
    MutBertConfig, MutBertModel, MutBertForMaskedLM, MutBertForSequenceClassification
)
