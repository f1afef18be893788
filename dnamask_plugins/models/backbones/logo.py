"""LOGO: a BERT of two layers, in the form of GeneMask and CM-GEMS and in the form first published."""

from typing import Any, Final

from dnamask_plugins.models.backbones import bert
from dnamask_plugins.models.backbones.base import Backbone

_SHARED: Final[dict[str, Any]] = {
    "hidden_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "max_position_embeddings": 512,
}

LOGO = Backbone(
    name="logo",
    summary="BERT, 2 layers of 256, FFN 3072, on overlapping 6-mers (as in GeneMask and CM-GEMS)",
    reference="Roy et al. 2023, arXiv 2307.15933; after Yang et al. 2022, NAR 50:e81",
    tokenizer={"name": "kmer", "k": 6},
    model_type="bert",
    settings=_SHARED | {"intermediate_size": 3072},
    packed=bert.packed,
)

LOGO_PUBLISHED = Backbone(
    name="logo_published",
    summary="BERT, 2 layers of 256, FFN 1024, on LOGO's own n-grams (as first published)",
    reference="Yang et al. 2022, NAR 50:e81",
    tokenizer={"name": "logo", "n": 6},
    model_type="bert",
    settings=_SHARED | {"intermediate_size": 1024},
    packed=bert.packed,
)
