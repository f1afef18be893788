"""Megatron-BERT, the architecture of ProkBERT: BERT with the norm before each block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.models.backbones.bert import BertEncoder

if TYPE_CHECKING:
    import torch

    from dnamask_plugins.models.packed_attention import PackedRows
    from dnamask_plugins.models.packed_layers import Chosen, Encoder


def describes(settings: Mapping[str, Any]) -> bool:
    """Say whether a ``config.json`` is of this architecture; ProkBERT's newer files have a name of their own.

    Files of ProkBERT's authors on ModernBERT's layers have that name as well; they have a ``norm_eps``.

    Examples
    --------
    >>> describes({"model_type": "prokbert", "layer_norm_eps": 1e-12})
    True
    >>> describes({"model_type": "prokbert", "norm_eps": 1e-5})
    False
    """
    kind = settings.get("model_type")
    return kind == "megatron-bert" or (kind == "prokbert" and "norm_eps" not in settings)


def packed(model: Any) -> Encoder | None:
    """Return how to run exactly transformers' Megatron-BERT on packed tokens."""
    from transformers import MegatronBertForMaskedLM

    return MegatronBertEncoder() if type(model) is MegatronBertForMaskedLM else None


class MegatronBertEncoder(BertEncoder):
    """As BERT, with the norm before each block and one after the last layer."""

    def layer(
        self, layer: Any, hidden: torch.Tensor, rows: PackedRows, extra: Any, chosen: Chosen | None
    ) -> torch.Tensor:
        """See `Encoder`."""
        from dnamask_plugins.models.packed_layers import take

        attended = self.attend(layer, layer.attention.ln(hidden), rows, chosen)
        asking = layer.attention.output(attended, take(hidden, chosen))
        return layer.output(layer.intermediate(layer.ln(asking)), asking)

    def head(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
        """See `Encoder`."""
        return model.cls(model.bert.encoder.ln(hidden))


PROKBERT = Backbone(
    name="prokbert",
    summary="Megatron-BERT, 6 layers of 384, on overlapping 6-mers in the order ACGT (ProkBERT mini)",
    reference="Ligeti et al. 2024, Frontiers in Microbiology 14:1331233",
    tokenizer={"name": "kmer", "k": 6, "order": "ACGT"},
    model_type="megatron-bert",
    settings={
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "intermediate_size": 1536,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": 1024,
    },
    max_positions=1024,
    describes=describes,
    packed=packed,
)
