"""How DNABERT-2 runs on packed tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

    from dnamask_plugins.models.packed_layers import Chosen, Encoder
    from dnamask_plugins.models.packed_rows import PackedRows


def packed(model: Any) -> Encoder | None:
    """Return how to run exactly our DNABERT-2 on packed tokens."""
    from dnamask_plugins.models.backbones.dnabert2.heads import DnaBert2ForMaskedLM

    return PackedDnaBert2() if type(model) is DnaBert2ForMaskedLM else None


class PackedDnaBert2:
    """DNABERT-2: as its own forward pass, which is packed already."""

    def embed(self, model: Any, input_ids: torch.Tensor, rows: PackedRows) -> tuple[torch.Tensor, Any]:
        """See `Encoder`."""
        hidden = model.bert.embeddings(rows.pack(input_ids))
        return hidden, rows.prepare(model.bert.bias(rows.width, hidden))

    def layers(self, model: Any) -> nn.ModuleList:
        """See `Encoder`."""
        return model.bert.encoder.layer

    def layer(
        self, layer: Any, hidden: torch.Tensor, rows: PackedRows, extra: Any, chosen: Chosen | None
    ) -> torch.Tensor:
        """See `Encoder`."""
        from dnamask_plugins.models.packed_layers import options, take

        attention = layer.attention.self
        query, key, value = attention.Wqkv(hidden).unflatten(1, (3, attention.heads, -1)).unbind(1)
        attended = rows.attend(
            take(query, chosen),
            key,
            value,
            bias=extra.to(query.dtype),
            dropout=attention.dropout if layer.training else 0.0,
            **options(chosen),
        )
        return layer.mlp(layer.attention.output(attended.flatten(1), take(hidden, chosen)))

    def head(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
        """See `Encoder`."""
        return model.cls(hidden)
