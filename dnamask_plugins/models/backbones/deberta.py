"""DeBERTa, version 2 and 3, as transformers has it; it is run through its own forward pass."""

from dnamask_plugins.models.backbones import bert
from dnamask_plugins.models.backbones.base import Backbone

DEBERTA = Backbone(
    name="deberta",
    summary="DeBERTa v2/v3, 12 layers of 768, on any tokenizer (6-mers where none is given)",
    reference="He et al. 2021, ICLR, arXiv 2006.03654",
    tokenizer={"name": "kmer", "k": 6},
    model_type="deberta-v2",
    settings={
        **bert.BASE,
        "relative_attention": True,
        "position_buckets": 256,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
    },
)
