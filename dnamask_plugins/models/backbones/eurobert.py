"""EuroBERT, as transformers has it; it is run through its own forward pass."""

from dnamask_plugins.models.backbones.base import Backbone

EUROBERT = Backbone(
    name="eurobert",
    summary="EuroBERT, 12 layers of 768, up to 8,192 tokens, on any tokenizer (6-mers where none is given)",
    reference="Boizard et al. 2025, arXiv 2503.05500",
    tokenizer={"name": "kmer", "k": 6},
    model_type="eurobert",
    settings={
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "num_key_value_heads": None,
        "intermediate_size": 3072,
        "max_position_embeddings": 8192,
        "bos_token_id": None,
        "eos_token_id": None,
    },
    max_positions=8192,
)
