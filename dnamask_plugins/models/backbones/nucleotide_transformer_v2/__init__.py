"""Nucleotide Transformer, second generation: ESM with rotary positions and a gated feed-forward block.

Written from the description in the paper and the published configuration; no remote code. The module is
light: PyTorch and transformers are imported when the architecture is registered.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins.models.backbones.base import Backbone, register_architecture
from dnamask_plugins.models.backbones.esm import EsmEncoder

if TYPE_CHECKING:
    from dnamask_plugins.models.packed_layers import Encoder

MODEL_TYPE: Final = "nucleotide_transformer_v2"


def describes(settings: Mapping[str, Any]) -> bool:
    """Say whether a ``config.json`` is one of this architecture.

    The published ones call themselves ``esm`` or nothing at all; they are recognised by ``add_bias_fnn``.

    Examples
    --------
    >>> describes({"model_type": "esm", "add_bias_fnn": False, "position_embedding_type": "rotary"})
    True
    >>> describes({"model_type": "esm"})
    False
    """
    return settings.get("model_type") == MODEL_TYPE or "add_bias_fnn" in settings


def packed(model: Any) -> Encoder | None:
    """Return how to run exactly our version on packed tokens: as ESM, whose layers it has."""
    from dnamask_plugins.models.backbones.nucleotide_transformer_v2.modeling import (
        NucleotideTransformerV2ForMaskedLM,
    )

    return EsmEncoder() if type(model) is NucleotideTransformerV2ForMaskedLM else None


NUCLEOTIDE_TRANSFORMER_V2 = Backbone(
    name="nucleotide_transformer_v2",
    summary="ESM, rotary, gated FFN, 12 layers of 512, on non-overlapping 6-mers (the 50M form)",
    reference="Dalla-Torre et al. 2024, Nature Methods 22:287",
    tokenizer={"name": "huggingface", "path": "InstaDeepAI/nucleotide-transformer-v2-50m-multi-species"},
    model_type=MODEL_TYPE,
    settings={
        "hidden_size": 512,
        "num_hidden_layers": 12,
        "num_attention_heads": 16,
        "intermediate_size": 2048,
    },
    max_positions=None,
    register=functools.partial(register_architecture, f"{__name__}.modeling"),
    describes=describes,
    packed=packed,
)
