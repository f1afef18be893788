"""BERT: norm after each block, learned positions. DNABERT, LOGO, GROVER and many others are of this kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch
    from torch import nn

    from dnamask_plugins.models.packed_layers import Chosen, Encoder
    from dnamask_plugins.models.packed_rows import PackedRows

BASE: Final[Mapping[str, Any]] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
}
"""Sizes of BERT-base (Devlin et al. 2019), which many families keep."""


def packed(model: Any) -> Encoder | None:
    """Return how to run exactly transformers' BERT on packed tokens: a subclass may differ."""
    from transformers import BertForMaskedLM

    return BertEncoder() if type(model) is BertForMaskedLM else None


class BertEncoder:
    """BERT: norm after each block, absolute positions."""

    def embed(self, model: Any, input_ids: torch.Tensor, rows: PackedRows) -> tuple[torch.Tensor, Any]:
        """See `Encoder`."""
        positions = self.positions(model, input_ids, rows)
        packed = rows.pack(input_ids)[None]
        return model.base_model.embeddings(input_ids=packed, position_ids=positions[None])[0], None

    def positions(self, model: Any, input_ids: torch.Tensor, rows: PackedRows) -> torch.Tensor:
        """Return the number of each token's position embedding, (T,)."""
        return rows.columns

    def layers(self, model: Any) -> nn.ModuleList:
        """See `Encoder`."""
        return model.base_model.encoder.layer

    def layer(
        self, layer: Any, hidden: torch.Tensor, rows: PackedRows, extra: Any, chosen: Chosen | None
    ) -> torch.Tensor:
        """See `Encoder`."""
        from dnamask_plugins.models.packed_layers import take

        attended = self.attend(layer, hidden, rows, chosen)
        asking = layer.attention.output(attended, take(hidden, chosen))
        return layer.output(layer.intermediate(asking), asking)

    def attend(
        self, layer: Any, hidden: torch.Tensor, rows: PackedRows, chosen: Chosen | None
    ) -> torch.Tensor:
        """Let the chosen tokens attend to all, (T, hidden) to (M, hidden), before the projection."""
        from dnamask_plugins.models.packed_layers import options, take

        attention = layer.attention.self
        shape = (attention.num_attention_heads, attention.attention_head_size)
        attended = rows.attend(
            attention.query(take(hidden, chosen)).unflatten(1, shape),
            attention.key(hidden).unflatten(1, shape),
            attention.value(hidden).unflatten(1, shape),
            dropout=attention.dropout.p if layer.training else 0.0,
            **options(chosen),
        )
        return attended.flatten(1)

    def head(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
        """See `Encoder`."""
        return model.cls(hidden)
