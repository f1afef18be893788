"""Nucleotide Transformer, first generation: the ESM architecture, native in transformers."""

from dnamask_plugins.models.backbones import esm
from dnamask_plugins.models.backbones.base import Backbone

NUCLEOTIDE_TRANSFORMER = Backbone(
    name="nucleotide_transformer",
    summary="ESM, 24 layers of 1280, on non-overlapping 6-mers (the 500M form)",
    reference="Dalla-Torre et al. 2024, Nature Methods 22:287",
    tokenizer={"name": "huggingface", "path": "InstaDeepAI/nucleotide-transformer-500m-human-ref"},
    model_type="esm",
    settings={
        "hidden_size": 1280,
        "num_hidden_layers": 24,
        "num_attention_heads": 20,
        "intermediate_size": 5120,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "max_position_embeddings": 1002,
        "position_embedding_type": "absolute",
        "emb_layer_norm_before": False,
        "token_dropout": False,
        "tie_word_embeddings": False,
    },
    max_positions=1000,
    packed=esm.packed,
)
