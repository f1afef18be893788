"""Configuration of MutBERT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from transformers import BertConfig

from dnamask_plugins.models.backbones.mutbert import MODEL_TYPE

MEAN: Final = "mean"
FIRST: Final = "first_token_transform"
_SCALINGS: Final = ("linear", "dynamic")


class MutBertConfig(BertConfig):
    """Settings of BERT, and those of rotary positions under the names of the published ``config.json``.

    Parameters
    ----------
    pooler_type : {"mean", "first_token_transform"}
        What a classifier reads: the mean of the tokens, or BERT's pooler on the first.
    rope_theta : float
        Base of the angles.
    rotary_scaling : mapping or None
        ``type`` (``linear`` or ``dynamic``) and ``factor``, for rows longer than `max_position_embeddings`.
    rope_scaling : mapping or None
        The same under its published name, which transformers now gives another meaning.
    **kwargs
        As for ``BertConfig``.

    Raises
    ------
    ValueError
        A setting is of a kind not implemented here.
    """

    model_type = MODEL_TYPE

    def __init__(
        self,
        vocab_size: int = 9,
        pooler_type: str = MEAN,
        rope_theta: float = 10_000.0,
        rotary_scaling: Mapping[str, Any] | None = None,
        rope_scaling: Mapping[str, Any] | None = None,
        pad_token_id: int = 3,
        **kwargs: Any,
    ) -> None:
        if pooler_type not in (MEAN, FIRST):
            raise ValueError(
                f"pooler_type '{pooler_type}' is not implemented here, but '{MEAN}' and '{FIRST}'"
            )
        scaling = rotary_scaling or rope_scaling
        if scaling is not None and scaling.get("type") not in _SCALINGS:
            raise ValueError(f"rope_scaling {dict(scaling)} is not implemented here, but {_SCALINGS}")
        super().__init__(vocab_size=vocab_size, pad_token_id=pad_token_id, **kwargs)
        self.pooler_type = pooler_type
        self.rope_theta = rope_theta
        self.rotary_scaling = None if scaling is None else dict(scaling)
