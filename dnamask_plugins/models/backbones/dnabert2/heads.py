"""DNABERT-2 with its masked-language-model head, and with a classifier, under the published names."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import nn
from torch.nn.functional import gelu
from transformers.modeling_outputs import MaskedLMOutput, SequenceClassifierOutput

from dnamask_plugins.models.backbones.base import Architecture
from dnamask_plugins.models.backbones.dnabert2.configuration import DnaBert2Config
from dnamask_plugins.models.backbones.dnabert2.modeling import (
    DnaBert2Model,
    DnaBert2PreTrainedModel,
    find_rows,
)
from dnamask_plugins.models.backbones.outputs import classifier_output, masked_lm_output


class DnaBert2PredictionTransform(nn.Module):
    """Dense layer, GELU and norm before the vocabulary."""

    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Map (..., hidden) to (..., hidden)."""
        return self.LayerNorm(gelu(self.dense(hidden)))


class DnaBert2Predictions(nn.Module):
    """Scores of the vocabulary; the matrix is that of the word embeddings."""

    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.transform = DnaBert2PredictionTransform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Map (..., hidden) to (..., vocabulary)."""
        return self.decoder(self.transform(hidden))


class DnaBert2OnlyMLMHead(nn.Module):
    """Holds the predictions under the published name."""

    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.predictions = DnaBert2Predictions(config)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Map (..., hidden) to (..., vocabulary)."""
        return self.predictions(hidden)


class DnaBert2ForMaskedLM(DnaBert2PreTrainedModel):
    """The encoder with the masked-language-model head."""

    _tied_weights_keys = {  # noqa: RUF012
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight"
    }

    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__(config)
        self.bert = DnaBert2Model(config, add_pooling_layer=False)
        self.cls = DnaBert2OnlyMLMHead(config)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        """Return the matrix that scores the vocabulary."""
        return self.cls.predictions.decoder

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the matrix that scores the vocabulary."""
        self.cls.predictions.decoder = new_embeddings  # type: ignore[assignment]

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> MaskedLMOutput | tuple[Any, ...]:
        """Score the vocabulary at every token, zeros on padding; the loss counts labels other than -100."""
        given: Any = input_ids if inputs_embeds is None else inputs_embeds
        rows = find_rows(given, attention_mask)
        encoded = self.bert(
            input_ids, attention_mask, token_type_ids, inputs_embeds, output_hidden_states, rows=rows
        )
        logits = rows.unpack(self.cls(rows.pack(encoded.last_hidden_state)))
        return masked_lm_output(self, logits, labels, encoded.hidden_states, return_dict, **kwargs)


class DnaBert2ForSequenceClassification(DnaBert2PreTrainedModel):
    """The encoder with a classifier on the pooled first token."""

    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.bert = DnaBert2Model(config)
        dropout = (
            config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout
        )
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput | tuple[Any, ...]:
        """Score the classes of each sequence."""
        encoded = self.bert(
            input_ids,
            attention_mask,
            token_type_ids,
            inputs_embeds,
            output_hidden_states=output_hidden_states,
        )
        logits = self.classifier(self.dropout(encoded.pooler_output))
        return classifier_output(self, logits, labels, encoded.hidden_states, return_dict)


ARCHITECTURE: Final = Architecture(
    DnaBert2Config, DnaBert2Model, DnaBert2ForMaskedLM, DnaBert2ForSequenceClassification
)
