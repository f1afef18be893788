"""Embeddings of models whose places are told elsewhere than in a table of positions."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class WordAndTypeEmbeddings(nn.Module):
    """Word and token-type embeddings, added, under BERT's names.

    Parameters
    ----------
    config : PretrainedConfig
        With BERT's settings.
    norm : bool
        Whether a norm follows, as in BERT.
    """

    def __init__(self, config: Any, norm: bool) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = (
            nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps) if norm else nn.Identity()
        )
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **_: Any,
    ) -> torch.Tensor:
        """Embed ids (...), or finish embeddings (..., hidden); token types are 0 by default."""
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        types = (
            self.token_type_embeddings.weight[0]
            if token_type_ids is None
            else self.token_type_embeddings(token_type_ids)
        )
        return self.dropout(self.LayerNorm(words + types))
