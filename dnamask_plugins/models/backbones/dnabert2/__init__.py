"""DNABERT-2, written anew for transformers: no remote code, no triton, no einops.

The module is light: PyTorch and transformers are imported when the architecture is registered.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from dnamask_plugins.models.backbones.base import Backbone, register_architecture
from dnamask_plugins.models.backbones.dnabert2.packed import packed

MODEL_TYPE: Final = "dnamask_dnabert2"
"""A name of our own: multimolecule registers another class as ``dnabert2``, and the last one would win."""

_EARLIER_TYPE: Final = "dnabert2"


def describes(settings: Mapping[str, Any]) -> bool:
    """Say whether a ``config.json`` is one of this architecture.

    The published one has no model type of its own; it is recognised by the ALiBi setting, or the remote
    module that it asks to run.

    Examples
    --------
    >>> describes({"architectures": ["BertForMaskedLM"], "alibi_starting_size": 512})
    True
    >>> describes({"model_type": "bert"})
    False
    """
    kind = settings.get("model_type")
    if kind == MODEL_TYPE:
        return True
    if kind == _EARLIER_TYPE:  # saved by us before, or by multimolecule, which names its dropout otherwise
        return "hidden_dropout_prob" in settings and "lm_head" not in settings
    if "alibi_starting_size" in settings and kind in (None, "bert"):
        return True
    remote = settings.get("auto_map") or {}
    return any("bert_layers." in str(reference) for reference in remote.values())


DNABERT2 = Backbone(
    name="dnabert2",
    summary="DNABERT-2: 12 layers of 768, ALiBi, gated FFN, on BPE; no limit on length",
    reference="Zhou et al. 2024, ICLR, arXiv 2306.15006; architecture after MosaicBERT, arXiv 2312.17482",
    tokenizer={"name": "huggingface", "path": "zhihan1996/DNABERT-2-117M"},
    model_type=MODEL_TYPE,
    settings={
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.0,
    },
    max_positions=None,
    register=functools.partial(register_architecture, f"{__name__}.heads"),
    describes=describes,
    packed=packed,
)
