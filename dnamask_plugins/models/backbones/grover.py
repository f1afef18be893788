"""GROVER: BERT on a byte-pair vocabulary of the human genome."""

from dnamask_plugins.models.backbones import bert
from dnamask_plugins.models.backbones.base import Backbone

GROVER = Backbone(
    name="grover",
    summary="BERT, 12 layers of 768, on BPE of 601 tokens",
    reference="Sanabria et al. 2024, Nature Machine Intelligence 6:911",
    tokenizer={"name": "huggingface", "path": "PoetschLab/GROVER"},
    model_type="bert",
    settings={
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": 512,
    },
    packed=bert.packed,
)
