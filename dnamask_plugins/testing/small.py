"""Small settings of any architecture, by the names that architectures have for their sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.protocols import DNATokenizer

SIZES: Final[Mapping[str, int]] = {
    **dict.fromkeys(("hidden_size", "d_model", "dim", "emb_dim"), 32),
    **dict.fromkeys(("embedding_size", "attention_head_size", "head_dim"), 16),
    **dict.fromkeys(("num_hidden_layers", "n_layers", "num_layers", "encoder_layers", "decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_heads", "num_key_value_heads"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "intermediate_dim"), 64),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 64),
}


def small_sizes(backbone: Backbone, tokenizer: DNATokenizer) -> dict[str, Any]:
    """Return overrides that make a backbone small; what else it declares stays.

    Examples
    --------
    >>> from dnamask_plugins.plugins import create, load
    >>> small_sizes(load("backbones", "bert_tiny"), create("tokenizers", "kmer"))["hidden_size"]
    32
    """
    known = backbone.build_config(tokenizer).to_dict()
    sizes: dict[str, Any] = {key: value for key, value in SIZES.items() if key in known}
    if isinstance(known.get("layer_types"), list):
        sizes["layer_types"] = known["layer_types"][: sizes["num_hidden_layers"]]
    return sizes
