"""How Megatron-BERT with absolute positions runs on packed tokens: BERT with the norm before each block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnamask_plugins.models.backbones.bert import BertEncoder

if TYPE_CHECKING:
    import torch

    from dnamask_plugins.models.packed_layers import Chosen, Encoder
    from dnamask_plugins.models.packed_rows import PackedRows


def packed(model: Any) -> Encoder | None:
    """Return how to run exactly transformers' own on packed tokens; with relative positions None."""
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
