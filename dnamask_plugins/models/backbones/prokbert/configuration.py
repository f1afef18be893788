"""Configuration of ProkBERT."""

from __future__ import annotations

from typing import Any, Final

from transformers import MegatronBertConfig

from dnamask_plugins.models.backbones.prokbert import MODEL_TYPE

KEY: Final = "relative_key"
KEY_AND_QUERY: Final = "relative_key_query"


class ProkBertConfig(MegatronBertConfig):
    """Settings of Megatron-BERT, and how places are told.

    Parameters
    ----------
    position_embedding_type : {"relative_key_query", "relative_key"}
        Whether the vector of a distance meets keys and queries, or queries alone.
    **kwargs
        As for ``MegatronBertConfig``.

    Raises
    ------
    ValueError
        Positions are of a kind not implemented here.
    """

    model_type = MODEL_TYPE

    def __init__(self, position_embedding_type: str = KEY_AND_QUERY, **kwargs: Any) -> None:
        if position_embedding_type not in (KEY, KEY_AND_QUERY):
            raise ValueError(
                f"position_embedding_type '{position_embedding_type}' is not implemented here, but "
                f"'{KEY}' and '{KEY_AND_QUERY}'"
            )
        super().__init__(**kwargs)
        self.position_embedding_type = position_embedding_type
