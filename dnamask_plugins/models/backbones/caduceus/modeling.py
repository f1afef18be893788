"""Caduceus's network: Mamba in both directions, and on both strands with shared parameters.

Parameters have the names of the published checkpoints. Padding is on the right and is left out of every
reversal, so that a row gives the same with and without it.
"""

from __future__ import annotations

import math
from typing import Any, Final

import torch
from torch import nn
from transformers import MambaConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput, MaskedLMOutput, SequenceClassifierOutput
from transformers.models.mamba.modeling_mamba import MambaMixer, MambaRMSNorm

from dnamask_plugins.models.backbones.base import Architecture
from dnamask_plugins.models.backbones.caduceus.configuration import CaduceusConfig
from dnamask_plugins.models.backbones.caduceus.strands import (
    BothStrands,
    EquivariantEmbedding,
    EquivariantHead,
    NormHolder,
    Reversal,
    on_both_strands,
)
from dnamask_plugins.models.backbones.outputs import classifier_output, masked_lm_output


def mamba_settings(config: CaduceusConfig) -> MambaConfig:
    """Translate the settings of the block into transformers' names."""
    own = config.ssm_cfg
    return MambaConfig(
        hidden_size=config.d_model,
        num_hidden_layers=config.n_layer,
        state_size=own.get("d_state", 16),
        conv_kernel=own.get("d_conv", 4),
        expand=own.get("expand", 2),
        time_step_rank=own.get("dt_rank", "auto"),
        time_step_min=own.get("dt_min", 0.001),
        time_step_max=own.get("dt_max", 0.1),
        time_step_init_scheme=own.get("dt_init", "random"),
        time_step_scale=own.get("dt_scale", 1.0),
        time_step_floor=own.get("dt_init_floor", 1e-4),
        use_conv_bias=own.get("conv_bias", True),
        use_bias=own.get("bias", False),
    )


class BiMamba(nn.Module):
    """One block for each direction; their outer projections are one where they are tied."""

    def __init__(self, config: CaduceusConfig, layer: int) -> None:
        super().__init__()
        settings = mamba_settings(config)
        self.multiply = config.bidirectional_strategy == "ew_multiply"
        self.mamba_fwd = MambaMixer(settings, layer_idx=layer)
        self.mamba_rev = MambaMixer(settings, layer_idx=layer) if config.bidirectional else None

    def forward(self, states: torch.Tensor, reverse: Reversal) -> torch.Tensor:
        """Map (B, L, channels) to the same."""
        forward = self.mamba_fwd(states)
        if self.mamba_rev is None:
            return forward
        backward = reverse(self.mamba_rev(reverse(states)))
        return forward * backward if self.multiply else forward + backward


def make_norm(config: CaduceusConfig) -> nn.Module:
    """Return the norm, under its published name."""
    kind = MambaRMSNorm if config.rms_norm else nn.LayerNorm
    norm = kind(config.d_model, eps=config.norm_epsilon)
    return NormHolder(norm) if config.rcps and not config.fused_add_norm else norm


class CaduceusLayer(nn.Module):
    """Add to the residual, normalise, mix."""

    def __init__(self, config: CaduceusConfig, layer: int) -> None:
        super().__init__()
        self.equivariant, self.swaps = config.rcps, config.rcps and config.fused_add_norm
        self.in_float32 = config.residual_in_fp32
        mixer = BiMamba(config, layer)
        self.mixer = BothStrands(mixer) if config.rcps else mixer
        self.norm = make_norm(config)

    def forward(
        self, states: torch.Tensor, residual: torch.Tensor | None, reverse: Reversal
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the mixer says, and the residual."""
        residual = states if residual is None else states + residual
        if self.swaps:
            residual = torch.cat(residual.chunk(2, dim=-1)[::-1], dim=-1)
        normed = on_both_strands(residual, reverse, self.norm) if self.equivariant else self.norm(residual)
        mixed = self.mixer(normed.to(states.dtype), reverse)
        return mixed, residual.float() if self.in_float32 else residual


class CaduceusEmbeddings(nn.Module):
    """Holds the embedding under its published name."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.word_embeddings = (
            EquivariantEmbedding(config) if config.rcps else nn.Embedding(config.vocab_size, config.d_model)
        )


class CaduceusBackbone(nn.Module):
    """Embedding, layers and the norm after them."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.embeddings = CaduceusEmbeddings(config)
        self.layers = nn.ModuleList(CaduceusLayer(config, index) for index in range(config.n_layer))
        self.norm_f = make_norm(config)
        self.equivariant = config.rcps

    def forward(self, states: torch.Tensor, reverse: Reversal) -> list[torch.Tensor]:
        """Return the states before each layer, and the last ones normalised."""
        kept, residual = [], None
        for layer in self.layers:
            kept.append(states)
            states, residual = layer(states, residual, reverse)
        last = states if residual is None else states + residual
        normed = on_both_strands(last, reverse, self.norm_f) if self.equivariant else self.norm_f(last)
        return [*kept, normed]


class CaduceusPreTrainedModel(PreTrainedModel):
    """What the models share with the rest of transformers."""

    config_class = CaduceusConfig
    config: CaduceusConfig
    base_model_prefix = "caduceus"
    supports_gradient_checkpointing = False
    _no_split_modules = ["CaduceusLayer"]  # noqa: RUF012

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, MambaMixer):
            module.init_mamba_weights()
            for part in (module.in_proj, module.x_proj, module.out_proj, module.conv1d):
                init.kaiming_uniform_(part.weight, a=math.sqrt(5))
                if part.bias is not None:
                    init.zeros_(part.bias)
            if self.config.initializer_cfg.get("rescale_prenorm_residual", True):
                with torch.no_grad():
                    module.out_proj.weight /= math.sqrt(self.config.n_layer)
        elif isinstance(module, nn.Embedding | nn.Linear):
            # The linear layers of the mixer get their own start with it, after this one.
            init.normal_(module.weight, std=self.config.initializer_range)
        elif isinstance(module, EquivariantEmbedding | EquivariantHead):
            init.copy_(module.complement_map, torch.tensor(self.config.complements()))
        elif isinstance(module, MambaRMSNorm | nn.LayerNorm):
            init.ones_(module.weight)


class Caduceus(CaduceusPreTrainedModel):
    """The encoder; in its equivariant form the last hidden states have twice as many channels."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__(config)
        self.backbone = CaduceusBackbone(config)
        if config.bidirectional and config.bidirectional_weight_tie:
            mixer = "mixer.submodule" if config.rcps else "mixer"
            self._tied_weights_keys = {
                f"backbone.layers.{index}.{mixer}.mamba_rev.{part}.weight": (
                    f"backbone.layers.{index}.{mixer}.mamba_fwd.{part}.weight"
                )
                for index in range(config.n_layer)
                for part in ("in_proj", "out_proj")
            }
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding of the letters."""
        words = self.backbone.embeddings.word_embeddings
        return words.embedding if isinstance(words, EquivariantEmbedding) else words

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **_: Any,
    ) -> BaseModelOutput | tuple[Any, ...]:
        """Encode rows (B, L); padding, on the right, is left out of every reversal."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give exactly one of input_ids and inputs_embeds")
        states = (
            self.backbone.embeddings.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        )
        every = self.backbone(states, Reversal(states, attention_mask))
        output = BaseModelOutput(
            last_hidden_state=every[-1], hidden_states=tuple(every) if output_hidden_states else None
        )
        return output.to_tuple() if return_dict is False else output


class CaduceusForMaskedLM(CaduceusPreTrainedModel):
    """The encoder with the masked-language-model head."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__(config)
        self.caduceus = Caduceus(config)
        self.lm_head = (
            EquivariantHead(config)
            if config.rcps
            else nn.Linear(config.d_model, config.vocab_size, bias=False)
        )
        head, words = ("lm_head.lm_head", ".embedding") if config.rcps else ("lm_head", "")
        self._tied_weights_keys = {
            f"{head}.weight": f"caduceus.backbone.embeddings.word_embeddings{words}.weight"
        }
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        """Return the matrix that scores the vocabulary."""
        return self.lm_head.lm_head if isinstance(self.lm_head, EquivariantHead) else self.lm_head

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> MaskedLMOutput | tuple[Any, ...]:
        """Score the vocabulary at every token; the loss counts labels other than -100."""
        encoded = self.caduceus(input_ids, attention_mask, inputs_embeds, output_hidden_states)
        logits = self.lm_head(encoded.last_hidden_state).float()
        return masked_lm_output(self, logits, labels, encoded.hidden_states, return_dict, **kwargs)


class CaduceusForSequenceClassification(CaduceusPreTrainedModel):
    """The encoder with a classifier on the mean of the tokens; both strands vote in the equivariant form."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.caduceus = Caduceus(config)
        self.score = nn.Linear(config.d_model, config.num_labels, bias=False)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput | tuple[Any, ...]:
        """Score the classes of each sequence."""
        encoded = self.caduceus(input_ids, attention_mask, inputs_embeds, output_hidden_states)
        states = encoded.last_hidden_state
        if attention_mask is None:
            pooled = states.mean(1)
        else:
            weights = attention_mask.to(states.dtype)[..., None]
            pooled = (states * weights).sum(1) / weights.sum(1)
        if self.config.rcps:
            first, second = pooled.chunk(2, dim=-1)
            logits = (self.score(first) + self.score(second.flip(-1))) / 2
        else:
            logits = self.score(pooled)
        return classifier_output(self, logits, labels, encoded.hidden_states, return_dict)


ARCHITECTURE: Final = Architecture(
    CaduceusConfig, Caduceus, CaduceusForMaskedLM, CaduceusForSequenceClassification
)
