"""Configuration of GENA-LM."""

from __future__ import annotations

from typing import Any

from transformers import BertConfig

from dnamask_plugins.models.backbones.gena_lm import MODEL_TYPE


class GenaConfig(BertConfig):
    """Settings of BERT, and where the norms are.

    Parameters
    ----------
    pre_layer_norm : bool
        Norm before each block and not after it.
    last_layer_norm : bool or None
        A norm after the last layer (the ``lastln`` forms); as `pre_layer_norm` where None.
    **kwargs
        As for ``BertConfig``.

    Raises
    ------
    ValueError
        The norms contradict each other, or attention or positions are of a kind not implemented here.
    """

    model_type = MODEL_TYPE

    def __init__(
        self,
        vocab_size: int = 32000,
        pre_layer_norm: bool = True,
        last_layer_norm: bool | None = None,
        pad_token_id: int = 3,
        **kwargs: Any,
    ) -> None:
        if last_layer_norm and not pre_layer_norm:
            raise ValueError("last_layer_norm needs pre_layer_norm")
        if kwargs.get("sparse_attention") or kwargs.get("sparse_config_cls"):
            raise ValueError("sparse attention needs DeepSpeed's kernels and is not implemented here")
        positions = kwargs.get("position_embedding_type", "absolute")
        if positions != "absolute":
            raise ValueError(f"position_embedding_type '{positions}' is not implemented here, but 'absolute'")
        self.pre_layer_norm = pre_layer_norm
        self.last_layer_norm = pre_layer_norm if last_layer_norm is None else last_layer_norm
        super().__init__(vocab_size=vocab_size, pad_token_id=pad_token_id, **kwargs)
