"""Configuration of Caduceus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from transformers import PretrainedConfig

from dnamask_plugins.models.backbones.caduceus import MODEL_TYPE

LETTER_COMPLEMENTS: Final = {7: 10, 8: 9, 9: 8, 10: 7}
"""A - T and C - G among the ids of Caduceus's tokenizer; every other id is its own complement."""

_OWN_VOCABULARY: Final = (12, 16)
"""Size of Caduceus's own vocabulary, as it is and padded."""


class CaduceusConfig(PretrainedConfig):
    """Settings of Caduceus under the names of the published ``config.json``.

    Parameters
    ----------
    d_model, n_layer, vocab_size : int
    ssm_cfg : mapping or None
        Settings of the Mamba block: ``d_state``, ``d_conv``, ``expand``, ``dt_rank``, ``conv_bias``, ...
    rms_norm, residual_in_fp32, fused_add_norm : bool
        With `fused_add_norm` the two strands of the equivariant form change places in every layer, as in the
        published models.
    norm_epsilon : float
    initializer_cfg : mapping or None
    bidirectional, bidirectional_weight_tie : bool
    bidirectional_strategy : {"add", "ew_multiply"}
    rcps : bool
        Equivariant to the reverse complement, by sharing parameters.
    complement_map : mapping or None
        Id of each id's complement; where None, that of Caduceus's own tokenizer.

    Raises
    ------
    ValueError
        A strategy is unknown, the map has ids beyond the vocabulary, or there is none for another tokenizer.
    """

    model_type = MODEL_TYPE
    attribute_map = {"hidden_size": "d_model", "num_hidden_layers": "n_layer"}  # noqa: RUF012

    def __init__(
        self,
        d_model: int = 256,
        n_layer: int = 16,
        vocab_size: int = 16,
        ssm_cfg: Mapping[str, Any] | None = None,
        rms_norm: bool = True,
        residual_in_fp32: bool = False,
        fused_add_norm: bool = True,
        pad_vocab_size_multiple: int = 8,
        norm_epsilon: float = 1e-5,
        initializer_cfg: Mapping[str, Any] | None = None,
        bidirectional: bool = True,
        bidirectional_strategy: str | None = "add",
        bidirectional_weight_tie: bool = True,
        rcps: bool = False,
        complement_map: Mapping[Any, int] | None = None,
        pad_token_id: int | None = 4,
        tie_word_embeddings: bool = True,
        **kwargs: Any,
    ) -> None:
        strategy = bidirectional_strategy or "add"
        if strategy not in ("add", "ew_multiply"):
            raise ValueError(f"bidirectional_strategy '{strategy}' is neither add nor ew_multiply")
        self.d_model = d_model
        self.n_layer = n_layer
        self.vocab_size = vocab_size
        self.ssm_cfg = dict(ssm_cfg or {})
        self.rms_norm = rms_norm
        self.residual_in_fp32 = residual_in_fp32
        self.fused_add_norm = fused_add_norm
        self.pad_vocab_size_multiple = pad_vocab_size_multiple
        self.norm_epsilon = norm_epsilon
        self.initializer_cfg = dict(initializer_cfg or {})
        self.initializer_range = self.initializer_cfg.get("initializer_range", 0.02)
        self.bidirectional = bidirectional
        self.bidirectional_strategy = strategy
        self.bidirectional_weight_tie = bidirectional_weight_tie
        self.rcps = rcps
        # JSON has no other keys than text.
        given = (
            None if complement_map is None else {str(key): int(complement_map[key]) for key in complement_map}
        )
        if given is not None and any(int(key) >= vocab_size for key in given):
            raise ValueError(f"complement_map has ids beyond the vocabulary of {vocab_size}")
        if rcps and given is None and vocab_size not in _OWN_VOCABULARY:
            raise ValueError("rcps needs complement_map for another tokenizer than Caduceus's own")
        self.complement_map = given
        super().__init__(pad_token_id=pad_token_id, tie_word_embeddings=tie_word_embeddings, **kwargs)

    def complements(self) -> list[int]:
        """Return the id of each id's complement."""
        known = LETTER_COMPLEMENTS if self.complement_map is None else self.complement_map
        named = {int(key): value for key, value in known.items()}
        return [named.get(index, index) for index in range(self.vocab_size)]
