"""How to run the encoders of known architectures on packed tokens, layer by layer.

Each function does, with the model's own modules, exactly what its forward pass does with padded rows. The
last layer may be asked for some tokens only: the others' queries and feed-forward blocks feed nothing.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import nn

from dnamask_plugins.models.packed_attention import PackedRows, Segments

Chosen = tuple[torch.Tensor, Segments]


class Encoder(Protocol):
    """What `masked_loss` needs of an architecture."""

    def embed(self, model: Any, input_ids: torch.Tensor, rows: PackedRows) -> tuple[torch.Tensor, Any]:
        """Embed a padded batch (B, L); return tokens (T, hidden) and what each layer needs besides."""
        ...

    def layers(self, model: Any) -> nn.ModuleList:
        """Return the layers in order."""
        ...

    def layer(
        self, layer: Any, hidden: torch.Tensor, rows: PackedRows, extra: Any, chosen: Chosen | None
    ) -> torch.Tensor:
        """Run a layer, (T, hidden) to (T, hidden), or to the chosen tokens (M, hidden)."""
        ...

    def head(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
        """Score the vocabulary, (M, hidden) to (M, vocabulary)."""
        ...


def _take(hidden: torch.Tensor, chosen: Chosen | None) -> torch.Tensor:
    return hidden if chosen is None else hidden.index_select(0, chosen[0])


def _options(chosen: Chosen | None) -> dict[str, Any]:
    return {} if chosen is None else {"chosen": chosen[0], "chosen_segments": chosen[1]}


class BertEncoder:
    """BERT: norm behind each block, absolute positions."""

    def embed(self, model: Any, input_ids: torch.Tensor, rows: PackedRows) -> tuple[torch.Tensor, Any]:
        """See `Encoder`."""
        packed = rows.pack(input_ids)[None]
        return model.bert.embeddings(input_ids=packed, position_ids=rows.columns[None])[0], None

    def layers(self, model: Any) -> nn.ModuleList:
        """See `Encoder`."""
        return model.bert.encoder.layer

    def layer(
        self, layer: Any, hidden: torch.Tensor, rows: PackedRows, extra: Any, chosen: Chosen | None
    ) -> torch.Tensor:
        """See `Encoder`."""
        attention = layer.attention.self
        shape = (attention.num_attention_heads, attention.attention_head_size)
        asking = _take(hidden, chosen)
        attended = rows.attend(
            attention.query(asking).unflatten(1, shape),
            attention.key(hidden).unflatten(1, shape),
            attention.value(hidden).unflatten(1, shape),
            dropout=attention.dropout.p if layer.training else 0.0,
            **_options(chosen),
        )
        asking = layer.attention.output(attended.flatten(1), asking)
        return layer.output(layer.intermediate(asking), asking)

    def head(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
        """See `Encoder`."""
        return model.cls(hidden)


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
        attention = layer.attention.self
        shape = (attention.num_attention_heads, attention.attention_head_size)
        normed = layer.attention.LayerNorm(hidden)
        query = (
            attention.query(_take(normed, chosen)).unflatten(1, shape) * attention.attention_head_size**-0.5
        )
        key = attention.key(normed).unflatten(1, shape)
        if extra is not None:
            cosine, sine = (each[0, :, None, :] for each in extra)
            key = _rotate(key, cosine, sine)
            query = _rotate(query, _take(cosine, chosen), _take(sine, chosen))
        attended = rows.attend(
            query,
            key,
            attention.value(normed).unflatten(1, shape),
            scale=1.0,
            dropout=attention.dropout if layer.training else 0.0,
            **_options(chosen),
        )
        asking = layer.attention.output(attended.flatten(1), _take(hidden, chosen))
        return layer.output(layer.intermediate(layer.LayerNorm(asking)), asking)

    def head(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
        """See `Encoder`."""
        return model.lm_head(model.esm.encoder.emb_layer_norm_after(hidden))


def _rotate(states: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    first, second = states.float().chunk(2, dim=-1)
    return (states.float() * cosine + torch.cat((-second, first), dim=-1) * sine).to(states.dtype)


class DnaBert2Encoder:
    """DNABERT-2: as its own forward pass, which is packed already."""

    def embed(self, model: Any, input_ids: torch.Tensor, rows: PackedRows) -> tuple[torch.Tensor, Any]:
        """See `Encoder`."""
        embeddings = model.bert.embeddings
        hidden = embeddings(embeddings.word_embeddings(rows.pack(input_ids)))
        return hidden, rows.prepare(model.bert.bias(rows.width, hidden))

    def layers(self, model: Any) -> nn.ModuleList:
        """See `Encoder`."""
        return model.bert.encoder.layer

    def layer(
        self, layer: Any, hidden: torch.Tensor, rows: PackedRows, extra: Any, chosen: Chosen | None
    ) -> torch.Tensor:
        """See `Encoder`."""
        attention = layer.attention.self
        query, key, value = attention.Wqkv(hidden).unflatten(1, (3, attention.heads, -1)).unbind(1)
        attended = rows.attend(
            _take(query, chosen),
            key,
            value,
            bias=extra.to(query.dtype),
            dropout=attention.dropout if layer.training else 0.0,
            **_options(chosen),
        )
        return layer.mlp(layer.attention.output(attended.flatten(1), _take(hidden, chosen)))

    def head(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
        """See `Encoder`."""
        return model.cls(hidden)


def encoder_of(model: nn.Module) -> Encoder | None:
    """Return how to run a model on packed tokens; None where only its own forward pass will do.

    Asked for by exact class: a subclass may compute something else.
    """
    from transformers import BertForMaskedLM, EsmForMaskedLM

    from dnamask_plugins.models.backbones.dnabert2.modeling import DnaBert2ForMaskedLM

    config = getattr(model, "config", None)
    if getattr(config, "is_decoder", False) or getattr(config, "add_cross_attention", False):
        return None
    if type(model) is BertForMaskedLM:
        return BertEncoder()
    if type(model) is EsmForMaskedLM:
        return EsmEncoder() if hasattr(model.esm, "rotary_embeddings") else None
    if type(model) is DnaBert2ForMaskedLM:
        return DnaBert2Encoder()
    return None
