"""How the pre-norm form of GENA-LM runs on packed tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnamask_plugins.models.backbones.bert import BertEncoder
from dnamask_plugins.models.packed_layers import take

if TYPE_CHECKING:
    import torch

    from dnamask_plugins.models.packed_layers import Chosen
    from dnamask_plugins.models.packed_rows import PackedRows


class PackedGena(BertEncoder):
    """As BERT, with the norm before each block."""

    def layer(
        self, layer: Any, hidden: torch.Tensor, rows: PackedRows, extra: Any, chosen: Chosen | None
    ) -> torch.Tensor:
        """See `Encoder`."""
        attended = self.attend(layer, layer.pre_attention_ln(hidden), rows, chosen)
        return layer.feed_forward_chunk(take(hidden, chosen) + layer.attention.output(attended))

    def head(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
        """See `Encoder`."""
        last = model.bert.encoder.last_layer_ln
        return model.cls(hidden if last is None else last(hidden))
