"""What the heads of our own architectures answer with: loss and output as transformers' models have them."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import MaskedLMOutput, SequenceClassifierOutput

States = tuple[torch.Tensor, ...] | None


def masked_lm_output(
    model: PreTrainedModel,
    logits: torch.Tensor,
    labels: torch.Tensor | None,
    hidden_states: States,
    return_dict: bool | None,
    **kwargs: Any,
) -> MaskedLMOutput | tuple[Any, ...]:
    """Return scores of the vocabulary; with labels also the loss, which counts those other than -100.

    Parameters
    ----------
    model : PreTrainedModel
        Whose loss function and configuration count.
    logits : tensor, shape (B, L, vocabulary)
    labels : tensor, shape (B, L), optional
    hidden_states : tuple of tensor, optional
        States before each layer and after the last.
    return_dict : bool, optional
        False makes it a tuple.
    **kwargs
        For the loss.
    """
    loss = None
    if labels is not None:
        loss = model.loss_function(logits, labels, vocab_size=model.config.vocab_size, **kwargs)
    output = MaskedLMOutput(loss=loss, logits=logits, hidden_states=hidden_states)
    return output.to_tuple() if return_dict is False else output


def classifier_output(
    model: PreTrainedModel,
    logits: torch.Tensor,
    labels: torch.Tensor | None,
    hidden_states: States,
    return_dict: bool | None,
) -> SequenceClassifierOutput | tuple[Any, ...]:
    """Return scores of the classes (B, classes); with labels also the loss. See `masked_lm_output`."""
    loss = None
    if labels is not None:
        loss = model.loss_function(labels=labels, pooled_logits=logits, config=model.config)
    output = SequenceClassifierOutput(loss=loss, logits=logits, hidden_states=hidden_states)
    return output.to_tuple() if return_dict is False else output
