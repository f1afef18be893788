"""ModernBERT: norm before each block, gated feed-forward, rotary positions, local and global attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnamask_plugins.models.backbones.base import Backbone

if TYPE_CHECKING:
    import torch
    from torch import nn

    from dnamask_plugins.models.packed_layers import Chosen, Encoder
    from dnamask_plugins.models.packed_rows import PackedRows


def packed(model: Any) -> Encoder | None:
    """Return how to run exactly transformers' ModernBERT on packed tokens; None for other versions of it."""
    from transformers import ModernBertForMaskedLM

    known = type(model) is ModernBertForMaskedLM and hasattr(model.model, "rotary_emb")
    return ModernBertEncoder() if known and hasattr(model.config, "layer_types") else None


class ModernBertEncoder:
    """ModernBERT, whose layers of each kind share angles and a bias."""

    def embed(self, model: Any, input_ids: torch.Tensor, rows: PackedRows) -> tuple[torch.Tensor, Any]:
        """See `Encoder`; with it, for each kind of layer, cosines, sines and what is added to scores."""
        hidden = model.model.embeddings(input_ids=rows.pack(input_ids)[None])
        extra = {}
        for kind in set(model.config.layer_types):
            cosine, sine = model.model.rotary_emb(hidden, rows.columns[None], kind)
            local = kind == "sliding_attention"
            bias = self._window(rows, model.config.sliding_window, hidden) if local else None
            extra[kind] = (cosine[0, :, None, :], sine[0, :, None, :], bias)
        return hidden[0], extra

    def _window(self, rows: PackedRows, reach: int, like: torch.Tensor) -> torch.Tensor | None:
        """Hide what is further away than the window reaches; nothing where every row is shorter."""
        import torch

        if rows.width <= reach + 1:
            return None
        place = torch.arange(rows.width, device=like.device)
        far = (place[None, :] - place[:, None]).abs() > reach
        lowest = torch.finfo(like.dtype).min
        return rows.prepare(torch.zeros(far.shape, device=like.device).masked_fill(far, lowest)[None])

    def layers(self, model: Any) -> nn.ModuleList:
        """See `Encoder`."""
        return model.model.layers

    def layer(
        self, layer: Any, hidden: torch.Tensor, rows: PackedRows, extra: Any, chosen: Chosen | None
    ) -> torch.Tensor:
        """See `Encoder`."""
        from dnamask_plugins.models.packed_layers import options, rotate, take

        attention = layer.attn
        cosine, sine, bias = extra[layer.attention_type]
        query, key, value = (
            attention.Wqkv(layer.attn_norm(hidden)).unflatten(1, (3, -1, attention.head_dim)).unbind(1)
        )
        attended = rows.attend(
            rotate(take(query, chosen), take(cosine, chosen), take(sine, chosen)),
            rotate(key, cosine, sine),
            value,
            bias=None if bias is None else bias.to(query.dtype),
            dropout=attention.attention_dropout if layer.training else 0.0,
            **options(chosen),
        )
        asking = take(hidden, chosen) + attention.out_drop(attention.Wo(attended.flatten(1)))
        return asking + layer.mlp(layer.mlp_norm(asking))

    def head(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
        """See `Encoder`."""
        return model.decoder(model.head(model.model.final_norm(hidden)))


MODERNBERT = Backbone(
    name="modernbert",
    summary="ModernBERT, 22 layers of 768, up to 8,192 tokens, on any tokenizer (6-mers where none is given)",
    reference="Warner et al. 2024, arXiv 2412.13663",
    tokenizer={"name": "kmer", "k": 6},
    model_type="modernbert",
    settings={
        "hidden_size": 768,
        "num_hidden_layers": 22,
        "num_attention_heads": 12,
        "intermediate_size": 1152,
        "max_position_embeddings": 8192,
        "bos_token_id": None,
        "eos_token_id": None,
        "cls_token_id": None,
        "sep_token_id": None,
    },
    max_positions=8192,
    packed=packed,
)
