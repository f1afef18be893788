"""DNABERT: BERT-base on overlapping k-mers."""

from dnamask_plugins.models.backbones import bert
from dnamask_plugins.models.backbones.base import Backbone

DNABERT = Backbone(
    name="dnabert",
    summary="BERT, 12 layers of 768, on overlapping 3- to 6-mers",
    reference="Ji et al. 2021, Bioinformatics 37:2112",
    tokenizer={"name": "kmer", "k": 6},
    model_type="bert",
    settings=bert.BASE,
    packed=bert.packed,
)
