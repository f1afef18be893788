"""Nucleotide Transformer v2's network: transformers' ESM with another feed-forward block.

Parameters have the names of the published checkpoint, which are ESM's.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import nn
from torch.nn.functional import silu
from transformers import EsmForMaskedLM, EsmForSequenceClassification, EsmModel

from dnamask_plugins.models.backbones.base import Architecture
from dnamask_plugins.models.backbones.nucleotide_transformer_v2.configuration import (
    NucleotideTransformerV2Config,
)


class GatedIntermediate(nn.Module):
    """SiLU of one half times the other half (SwiGLU; Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, config: NucleotideTransformerV2Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=config.add_bias_fnn)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Map (..., hidden) to (..., intermediate)."""
        gate, content = self.dense(hidden_states).chunk(2, dim=-1)
        return silu(gate) * content


def _gate(model: EsmModel, config: NucleotideTransformerV2Config) -> None:
    """Put the gated block into every layer."""
    for layer in model.encoder.layer:
        layer.intermediate = GatedIntermediate(config)
        layer.output.dense = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.add_bias_fnn)


class NucleotideTransformerV2Model(EsmModel):
    """The encoder."""

    config_class = NucleotideTransformerV2Config

    def __init__(self, config: NucleotideTransformerV2Config, add_pooling_layer: bool = True) -> None:
        super().__init__(config, add_pooling_layer=add_pooling_layer)
        _gate(self, config)
        self.post_init()


class NucleotideTransformerV2ForMaskedLM(EsmForMaskedLM):
    """The encoder with the masked-language-model head."""

    config_class = NucleotideTransformerV2Config

    def __init__(self, config: NucleotideTransformerV2Config) -> None:
        super().__init__(config)
        _gate(self.esm, config)
        self.post_init()


class NucleotideTransformerV2ForSequenceClassification(EsmForSequenceClassification):
    """The encoder with ESM's classifier on the first token."""

    config_class = NucleotideTransformerV2Config

    def __init__(self, config: NucleotideTransformerV2Config) -> None:
        super().__init__(config)
        _gate(self.esm, config)
        self.post_init()


ARCHITECTURE: Final = Architecture(
    NucleotideTransformerV2Config,
    NucleotideTransformerV2Model,
    NucleotideTransformerV2ForMaskedLM,
    NucleotideTransformerV2ForSequenceClassification,
)
