"""DNABERT: BERT-base on overlapping k-mers."""

from dnamask_plugins.models.backbones import bert
from dnamask_plugins.models.backbones.base import Backbone

DNABERT = Backbone(
    name="dnabert",
    summary="BERT, 12 layers of 768, on overlapping 3- to 6-mers",
    reference="Ji et al. 2021, Bioinformatics 37:2112",
    tokenizer={"name": "kmer", "k": 6},
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
