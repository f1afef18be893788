"""RoBERTa: BERT whose positions are counted from the id of padding, and another head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.models.backbones.bert import BASE, BertEncoder

if TYPE_CHECKING:
    import torch

    from dnamask_plugins.models.packed_layers import Encoder
    from dnamask_plugins.models.packed_rows import PackedRows


def packed(model: Any) -> Encoder | None:
    """Return how to run exactly transformers' RoBERTa on packed tokens."""
    from transformers import RobertaForMaskedLM

    return RobertaEncoder() if type(model) is RobertaForMaskedLM else None


class RobertaEncoder(BertEncoder):
    """As BERT, with RoBERTa's positions and head."""

    def positions(self, model: Any, input_ids: torch.Tensor, rows: PackedRows) -> torch.Tensor:
        """Count from the id of padding, as the model does: by what is padding, not by the attention mask."""
        padding = model.base_model.embeddings.padding_idx
        real = (input_ids != padding).long()
        return rows.pack(real.cumsum(1) * real + padding)

    def head(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
        """See `Encoder`."""
        return model.lm_head(hidden)


ROBERTA = Backbone(
    name="roberta",
    summary="RoBERTa, 12 layers of 768, on any tokenizer (6-mers where none is given)",
    reference="Liu et al. 2019, arXiv 1907.11692",
    tokenizer={"name": "kmer", "k": 6},
    model_type="roberta",
    settings={**BASE, "max_position_embeddings": 514, "type_vocab_size": 1},
    packed=packed,
)
