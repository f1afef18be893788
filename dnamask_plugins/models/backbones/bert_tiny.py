"""The smallest BERT that still learns: for tests, examples and trying a policy out."""

from dnamask_plugins.models.backbones import bert
from dnamask_plugins.models.backbones.base import Backbone

BERT_TINY = Backbone(
    name="bert_tiny",
    summary="BERT, 2 layers of 128: for tests and first trials",
    reference="Turc et al. 2019, arXiv 1908.08962 (BERT-Tiny)",
    tokenizer={"name": "kmer", "k": 6},
    model_type="bert",
    settings={
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 512,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "max_position_embeddings": 512,
    },
    packed=bert.packed,
)
