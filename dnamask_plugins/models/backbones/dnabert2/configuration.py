"""Configuration of the DNABERT-2 architecture."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig

from dnamask_plugins.models.backbones.dnabert2 import MODEL_TYPE


class DnaBert2Config(PretrainedConfig):
    """Settings of DNABERT-2 under the names of the published ``config.json``.

    Parameters
    ----------
    vocab_size, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size : int
        The feed-forward block is gated: its first projection is twice `intermediate_size` wide.
    hidden_dropout_prob, attention_probs_dropout_prob : float
    max_position_embeddings, alibi_starting_size : int
        Kept for exchange with the published files; ALiBi limits nothing.
    type_vocab_size : int
    initializer_range, layer_norm_eps : float
    pad_token_id : int
        3, as the published tokenizer has it (the published configuration says 0).
    classifier_dropout : float or None
        `hidden_dropout_prob` where None.
    tie_word_embeddings : bool
    """

    model_type = MODEL_TYPE

    def __init__(
        self,
        vocab_size: int = 4096,
        hidden_size: int = 768,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        intermediate_size: int = 3072,
        hidden_act: str = "gelu",
        hidden_dropout_prob: float = 0.1,
        attention_probs_dropout_prob: float = 0.0,
        max_position_embeddings: int = 512,
        alibi_starting_size: int = 512,
        type_vocab_size: int = 2,
        initializer_range: float = 0.02,
        layer_norm_eps: float = 1e-12,
        pad_token_id: int = 3,
        classifier_dropout: float | None = None,
        tie_word_embeddings: bool = True,
        **kwargs: Any,
    ) -> None:
        if hidden_size % num_attention_heads:
            raise ValueError(
                f"hidden_size {hidden_size} is no multiple of num_attention_heads {num_attention_heads}"
            )
        if hidden_act != "gelu":
            raise ValueError(f"hidden_act '{hidden_act}' is not DNABERT-2's, which is 'gelu'")
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.hidden_act = hidden_act
        self.hidden_dropout_prob = hidden_dropout_prob
        self.attention_probs_dropout_prob = attention_probs_dropout_prob
        self.max_position_embeddings = max_position_embeddings
        self.alibi_starting_size = alibi_starting_size
        self.type_vocab_size = type_vocab_size
        self.initializer_range = initializer_range
        self.layer_norm_eps = layer_norm_eps
        self.classifier_dropout = classifier_dropout
        super().__init__(pad_token_id=pad_token_id, tie_word_embeddings=tie_word_embeddings, **kwargs)
