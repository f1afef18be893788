"""Tiny configurations of every architecture in transformers' masked-language-model mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.testing.small import SIZES, small_sizes

LARGEST: Final = 5_000_000
"""Parameters; what cannot be made smaller is not built."""

_MORE: Final[Mapping[str, Mapping[str, Any]]] = {
    "funnel": {"block_sizes": [1, 1], "num_decoder_layers": 1, "n_head": 2, "d_head": 16, "d_inner": 64},
    "longformer": {"attention_window": 16},
    "luke": {"entity_vocab_size": 8, "entity_emb_size": 8},
    "mobilebert": {"intra_bottleneck_size": 32},
    "perceiver": {
        "d_latents": 32, "num_latents": 8, "num_blocks": 1, "num_self_attends_per_block": 1,
        "num_self_attention_heads": 2, "num_cross_attention_heads": 2, "qk_channels": 16, "v_channels": 32,
    },
    "reformer": {
        "axial_pos_embds_dim": (16, 16), "axial_pos_shape": (16, 32), "max_position_embeddings": 512,
        "attn_layers": ["local", "local"], "local_attn_chunk_length": 16, "is_decoder": False,
        "feed_forward_size": 64,
    },
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 32},
    "roc_bert": {
        "pronunciation_vocab_size": 8, "shape_vocab_size": 8,
        "pronunciation_embed_dim": 8, "shape_embed_dim": 8,
    },
    "squeezebert": {"embedding_size": 32},
    "xmod": {"languages": ["dna"], "default_language": "dna"},
}  # fmt: skip
"""What some architectures need besides."""


def architectures() -> list[str]:
    """Return the model types of transformers' masked-language-model mapping."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    return sorted(MODEL_FOR_MASKED_LM_MAPPING_NAMES)


def tiny_config(kind: str, tokenizer: DNATokenizer) -> Any:
    """Return a configuration of some ten thousand parameters.

    Raises
    ------
    ValueError
        The architecture cannot be made small.
    """
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForMaskedLM

    if "vision_config" in CONFIG_MAPPING[kind]().to_dict():
        raise ValueError("reads images besides text")
    known = CONFIG_MAPPING[kind]().to_dict()
    settings = {name: value for name, value in SIZES.items() if name in known} | _MORE.get(kind, {})
    config = CONFIG_MAPPING[kind](
        vocab_size=tokenizer.vocab_size, pad_token_id=tokenizer.pad_token_id, **settings
    )
    with torch.device("meta"):
        size = sum(each.numel() for each in AutoModelForMaskedLM.from_config(config).parameters())
    if size > LARGEST:
        raise ValueError(f"cannot be made tiny ({size / 1e6:.0f} M parameters)")
    return config


def tiny_backbone(name: str, tokenizer: DNATokenizer) -> Any:
    """Return the configuration of an installed backbone with its published settings, but for the sizes."""
    from dnamask_plugins.models.source import load_backbone

    backbone = load_backbone(name)
    return backbone.build_config(tokenizer, **small_sizes(backbone, tokenizer))
