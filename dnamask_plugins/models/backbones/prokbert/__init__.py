"""ProkBERT: Megatron-BERT with learned relative positions, on k-mers one or two letters apart.

transformers had these positions (Huang et al. 2020, arXiv 2009.13658) up to its version 4; they are written
anew here, without remote code. A Megatron-BERT with absolute positions stays transformers' own. The module is
light: PyTorch and transformers are imported when the architecture is registered.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from dnamask_plugins.models.backbones.base import Backbone, register_architecture
from dnamask_plugins.models.backbones.prokbert.packed import packed

MODEL_TYPE: Final = "dnamask_prokbert"
"""A name of our own: the authors' package registers its classes as ``prokbert``."""


def describes(settings: Mapping[str, Any]) -> bool:
    """Say whether a ``config.json`` is one of this architecture.

    The published ones call themselves ``megatron-bert`` or ``prokbert``; what gives them away are relative
    positions. Files of the same authors on ModernBERT's layers have a ``norm_eps``.

    Examples
    --------
    >>> describes({"model_type": "megatron-bert", "position_embedding_type": "relative_key_query"})
    True
    >>> describes({"model_type": "megatron-bert"})
    False
    """
    kind = settings.get("model_type")
    relative = str(settings.get("position_embedding_type")).startswith("relative")
    published = kind == "prokbert" and "norm_eps" not in settings
    return kind == MODEL_TYPE or published or (kind == "megatron-bert" and relative)


PROKBERT = Backbone(
    name="prokbert",
    summary="Megatron-BERT, relative positions, 6 layers of 384, on overlapping 6-mers (ProkBERT mini)",
    reference="Ligeti et al. 2024, Frontiers in Microbiology 14:1331233",
    tokenizer={"name": "kmer", "k": 6, "order": "ACGT"},
    model_type=MODEL_TYPE,
    settings={
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "intermediate_size": 3072,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": 1024,
    },
    max_positions=1024,
    register=functools.partial(register_architecture, f"{__name__}.modeling"),
    describes=describes,
    packed=packed,
)
