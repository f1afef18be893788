"""GROVER: BERT on a byte-pair vocabulary of the human genome."""

from dnamask_plugins.models.backbones import bert
from dnamask_plugins.models.backbones.base import Backbone

GROVER = Backbone(
    name="grover",
    summary="BERT, 12 layers of 768, on BPE of 601 tokens",
    reference="Sanabria et al. 2024, Nature Machine Intelligence 6:911",
    tokenizer={"name": "huggingface", "path": "PoetschLab/GROVER"},
    model_type="bert",
    settings=bert.BASE,
    packed=bert.packed,
)
