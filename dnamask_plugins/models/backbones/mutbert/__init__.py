"""MutBERT: BERT with rotary positions on single letters, which may also be given as probabilities.

Written from the paper and the published configuration; no remote code. ruRoPEBert, whose architecture it is,
is read as well. The module is light: PyTorch and transformers are imported when the architecture is
registered.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins.models.backbones.base import Backbone, register_architecture
from dnamask_plugins.models.backbones.bert import BASE

if TYPE_CHECKING:
    from dnamask_plugins.models.packed_layers import Encoder

MODEL_TYPE: Final = "mutbert"


def describes(settings: Mapping[str, Any]) -> bool:
    """Say whether a ``config.json`` is one of this architecture.

    The published ones call themselves ``bert``; what gives them away is the pair of ``rope_theta`` and
    ``pooler_type``.

    Examples
    --------
    >>> describes({"model_type": "bert", "rope_theta": 10000.0, "pooler_type": "mean"})
    True
    >>> describes({"model_type": "bert"})
    False
    """
    kind = settings.get("model_type")
    return kind == MODEL_TYPE or (kind in (None, "bert") and {"rope_theta", "pooler_type"} <= set(settings))


def packed(model: Any) -> Encoder | None:
    """Return how to run exactly our version on packed tokens."""
    from dnamask_plugins.models.backbones.mutbert.modeling import MutBertForMaskedLM
    from dnamask_plugins.models.backbones.mutbert.packed import PackedMutBert

    return PackedMutBert() if type(model) is MutBertForMaskedLM else None


MUTBERT = Backbone(
    name="mutbert",
    summary="BERT, rotary, 12 layers of 768, on single letters or their probabilities",
    reference="Long et al. 2025, Bioinformatics 41:i294, bioRxiv 2025.01.23.634452",
    tokenizer={"name": "nucleotide"},
    model_type=MODEL_TYPE,
    settings=BASE,
    max_positions=None,
    register=functools.partial(register_architecture, f"{__name__}.modeling"),
    describes=describes,
    packed=packed,
)
