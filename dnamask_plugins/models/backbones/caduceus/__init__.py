"""Caduceus and PlantCaduceus: bidirectional state-space layers on single letters, equivariant if wanted.

Written from the paper and the published configuration around transformers' Mamba block, which runs on a CPU
as well (slowly). No remote code. The module is light: PyTorch and transformers are imported when the
architecture is registered.
"""

from __future__ import annotations

import functools
from typing import Final

from dnamask_plugins.models.backbones.base import Backbone, register_architecture

MODEL_TYPE: Final = "caduceus"


CADUCEUS = Backbone(
    name="caduceus",
    summary="Caduceus: 16 bidirectional Mamba layers of 256, on single letters; slow on a CPU",
    reference="Schiff et al. 2024, ICML, arXiv 2403.03234",
    tokenizer={"name": "caduceus"},
    model_type=MODEL_TYPE,
    settings={"hidden_size": 256, "num_hidden_layers": 16, "rcps": True},
    max_positions=None,
    register=functools.partial(register_architecture, f"{__name__}.modeling"),
)
