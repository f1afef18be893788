"""GENA-LM: BERT on a byte-pair vocabulary of 32,000, with the norm before each block.

Written from the paper and the published configurations; no remote code. The BigBird form is transformers'
own; the sparse forms need DeepSpeed's kernels and are refused. The module is light: PyTorch and transformers
are imported when the architecture is registered.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins.models.backbones.base import Backbone, register_architecture
from dnamask_plugins.models.backbones.bert import BASE, BertEncoder

if TYPE_CHECKING:
    from dnamask_plugins.models.packed_layers import Encoder

MODEL_TYPE: Final = "gena_lm"


def describes(settings: Mapping[str, Any]) -> bool:
    """Say whether a ``config.json`` is one of this architecture.

    The published ones call themselves ``bert``; they are recognised by ``pre_layer_norm``.

    Examples
    --------
    >>> describes({"model_type": "bert", "pre_layer_norm": True, "last_layer_norm": False})
    True
    >>> describes({"model_type": "bert"})
    False
    """
    kind = settings.get("model_type")
    return kind == MODEL_TYPE or (kind in (None, "bert") and "pre_layer_norm" in settings)


def packed(model: Any) -> Encoder | None:
    """Return how to run exactly our version on packed tokens."""
    from dnamask_plugins.models.backbones.gena_lm.modeling import GenaForMaskedLM
    from dnamask_plugins.models.backbones.gena_lm.packed import PackedGena

    if type(model) is not GenaForMaskedLM:
        return None
    return PackedGena() if model.config.pre_layer_norm else BertEncoder()


GENA_LM = Backbone(
    name="gena_lm",
    summary="BERT with the norm before each block, 12 layers of 768, on BPE of 32,000 tokens",
    reference="Fishman et al. 2025, NAR 53:gkae1310",
    tokenizer={"name": "huggingface", "path": "AIRI-Institute/gena-lm-bert-base-t2t"},
    model_type=MODEL_TYPE,
    settings={**BASE, "pre_layer_norm": True, "last_layer_norm": False},
    register=functools.partial(register_architecture, f"{__name__}.modeling"),
    describes=describes,
    packed=packed,
)
