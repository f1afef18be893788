"""ESM: norm before each block, learned or rotary positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

    from dnamask_plugins.models.packed_layers import Chosen, Encoder
    from dnamask_plugins.models.packed_rows import PackedRows


def packed(model: Any) -> Encoder | None:
    """Return how to run exactly transformers' ESM on packed tokens; None for versions of other layers."""
    from transformers import EsmForMaskedLM

    return EsmEncoder() if type(model) is EsmForMaskedLM and hasattr(model.esm, "rotary_embeddings") else None


class EsmEncoder:
    """ESM: norm before each block, absolute or rotary positions."""

    def embed(self, model: Any, input_ids: torch.Tensor, rows: PackedRows) -> tuple[torch.Tensor, Any]:
        """See `Encoder`; token dropout rescales whole rows, hence the padded form."""
        mask = input_ids.new_zeros(rows.batch * rows.width).index_fill(0, rows.index, 1)
        padded = model.esm.embeddings(input_ids=input_ids, attention_mask=mask.view(rows.batch, rows.width))
        hidden = rows.pack(padded)
        rotary = model.esm.rotary_embeddings
        return hidden, None if rotary is None else rotary(hidden[None], rows.columns[None])

    def layers(self, model: Any) -> nn.ModuleList:
        """See `Encoder`."""
        return model.esm.encoder.layer

    def layer(
        self, layer: Any, hidden: torch.Tensor, rows: PackedRows, extra: Any, chosen: Chosen | None
    ) -> torch.Tensor:
        """See `Encoder`."""
        from dnamask_plugins.models.packed_layers import options, rotate, take

        attention = layer.attention.self
        shape = (attention.num_attention_heads, attention.attention_head_size)
        normed = layer.attention.LayerNorm(hidden)
        query = (
            attention.query(take(normed, chosen)).unflatten(1, shape) * attention.attention_head_size**-0.5
        )
        key = attention.key(normed).unflatten(1, shape)
        if extra is not None:
            cosine, sine = (each[0, :, None, :] for each in extra)
            key = rotate(key, cosine, sine)
            query = rotate(query, take(cosine, chosen), take(sine, chosen))
        attended = rows.attend(
            query,
            key,
            attention.value(normed).unflatten(1, shape),
            scale=1.0,
            dropout=attention.dropout if layer.training else 0.0,
            **options(chosen),
        )
        asking = layer.attention.output(attended.flatten(1), take(hidden, chosen))
        return layer.output(layer.intermediate(layer.LayerNorm(asking)), asking)

    def head(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
        """See `Encoder`."""
        return model.lm_head(model.esm.encoder.emb_layer_norm_after(hidden))
