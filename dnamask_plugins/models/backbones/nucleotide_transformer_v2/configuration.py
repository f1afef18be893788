"""Configuration of Nucleotide Transformer v2."""

from __future__ import annotations

from typing import Any

from transformers import EsmConfig

from dnamask_plugins.models.backbones.nucleotide_transformer_v2 import MODEL_TYPE


class NucleotideTransformerV2Config(EsmConfig):
    """Settings of ESM, with the defaults of the published ``config.json``, and those of the gated block.

    Parameters
    ----------
    add_bias_fnn : bool
        Whether the feed-forward block has biases (published under this name).
    **kwargs
        As for ``EsmConfig``.
    """

    model_type = MODEL_TYPE

    def __init__(
        self,
        vocab_size: int = 4107,
        add_bias_fnn: bool = False,
        position_embedding_type: str = "rotary",
        token_dropout: bool = False,
        emb_layer_norm_before: bool = False,
        hidden_dropout_prob: float = 0.0,
        attention_probs_dropout_prob: float = 0.0,
        max_position_embeddings: int = 2050,
        pad_token_id: int = 1,
        mask_token_id: int = 2,
        tie_word_embeddings: bool = False,
        **kwargs: Any,
    ) -> None:
        self.add_bias_fnn = add_bias_fnn
        super().__init__(
            vocab_size=vocab_size,
            position_embedding_type=position_embedding_type,
            token_dropout=token_dropout,
            emb_layer_norm_before=emb_layer_norm_before,
            hidden_dropout_prob=hidden_dropout_prob,
            attention_probs_dropout_prob=attention_probs_dropout_prob,
            max_position_embeddings=max_position_embeddings,
            pad_token_id=pad_token_id,
            mask_token_id=mask_token_id,
            tie_word_embeddings=tie_word_embeddings,
            **kwargs,
        )
