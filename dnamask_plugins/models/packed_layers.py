"""How the layers of an encoder run on packed tokens: what a backbone gives, and how it is found.

Each method does, with the model's own modules, exactly what its forward pass does with padded rows. The
last layer may be asked for some tokens only: the others' queries and feed-forward blocks feed nothing.
Implementations lie with the family they belong to, in `backbones`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import distributed, nn

from dnamask_plugins.models import families
from dnamask_plugins.models.packed_rows import PackedRows
from dnamask_plugins.models.segments import Segments

Chosen = tuple[torch.Tensor, Segments]

Packed = Callable[[Any], "Encoder | None"]
_FOUND: dict[type, Packed | None] = {}
"""What was found for each class of models: to ask every package costs a millisecond, and steps are short."""


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


def take(hidden: torch.Tensor, chosen: Chosen | None) -> torch.Tensor:
    """Keep the chosen tokens, (T, ...) to (M, ...)."""
    return hidden if chosen is None else hidden.index_select(0, chosen[0])


def options(chosen: Chosen | None) -> dict[str, Any]:
    """Return what `PackedRows.attend` wants to know about the chosen tokens."""
    return {} if chosen is None else {"chosen": chosen[0], "chosen_segments": chosen[1]}


def rotate(states: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Turn states (T, heads, size) by their rotary angles (T, 1, size); computed in float32."""
    first, second = states.float().chunk(2, dim=-1)
    return (states.float() * cosine + torch.cat((-second, first), dim=-1) * sine).to(states.dtype)


# Under torch.compile it runs as plain Python: installed packages are looked through the first time.
@torch.compiler.disable
def encoder_of(model: nn.Module) -> Encoder | None:
    """Return how to run a model on packed tokens; None where only its own forward pass will do.

    The backbones that are installed are asked (`Backbone.packed`), ours first.
    """
    config = getattr(model, "config", None)
    if getattr(config, "is_decoder", False) or getattr(config, "add_cross_attention", False):
        return None
    if type(model) not in _FOUND:
        _FOUND[type(model)] = _ask_for(model)
    known = _FOUND[type(model)]
    encoder = None if known is None else known(model)
    if is_sharded(model) or (encoder is not None and any(map(is_sharded, encoder.layers(model)))):
        warnings.warn(
            "the model's layers are sharded (FSDP, tensor parallelism) and may be read by their own forward "
            "pass only, which computes padding and the whole vocabulary too",
            stacklevel=2,
        )
        return None
    return encoder


def is_sharded(layer: nn.Module) -> bool:
    """Say whether the parameters of a layer are all there only while its own forward pass runs."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return False
    from torch.distributed.fsdp import FSDPModule, FullyShardedDataParallel
    from torch.distributed.tensor import DTensor

    wrapped = isinstance(layer, FSDPModule | FullyShardedDataParallel)
    return wrapped or isinstance(next(layer.parameters(), None), DTensor)


def _ask_for(model: nn.Module) -> Packed | None:
    """Return the declaration that knows a model's class."""
    declared = (backbone.packed for backbone in families.installed())
    return next((packed for packed in declared if packed is not None and packed(model) is not None), None)
