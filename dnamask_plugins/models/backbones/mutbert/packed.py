"""How MutBERT runs on packed tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnamask_plugins.models.backbones.bert import BertEncoder
from dnamask_plugins.models.backbones.mutbert.modeling import rotary_angles
from dnamask_plugins.models.packed_layers import options, rotate, take

if TYPE_CHECKING:
    import torch

    from dnamask_plugins.models.packed_layers import Chosen
    from dnamask_plugins.models.packed_rows import PackedRows


class PackedMutBert(BertEncoder):
    """As BERT, with rotary positions."""

    def embed(self, model: Any, input_ids: torch.Tensor, rows: PackedRows) -> tuple[torch.Tensor, Any]:
        """See `Encoder`; with it the angles of every token."""
        angles = rotary_angles(model.config, rows.columns, rows.width)
        return model.bert.embeddings(rows.pack(input_ids)), tuple(each[:, None, :] for each in angles)

    def layer(
        self, layer: Any, hidden: torch.Tensor, rows: PackedRows, extra: Any, chosen: Chosen | None
    ) -> torch.Tensor:
        """See `Encoder`."""
        attention = layer.attention.self
        shape = (attention.num_attention_heads, attention.attention_head_size)
        asking = take(hidden, chosen)
        attended = rows.attend(
            rotate(attention.query(asking).unflatten(1, shape), *(take(each, chosen) for each in extra)),
            rotate(attention.key(hidden).unflatten(1, shape), *extra),
            attention.value(hidden).unflatten(1, shape),
            dropout=attention.dropout.p if layer.training else 0.0,
            **options(chosen),
        )
        asking = layer.attention.output(attended.flatten(1), asking)
        return layer.output(layer.intermediate(asking), asking)
