"""The masked-token loss without the work that nothing reads.

The result, and the gradient, are those of the model's own forward pass. Three things are left out:

- padding: only real tokens pass through the layers (`packed_rows`);
- the vocabulary at places without a label: the head runs on the masked tokens only;
- the last layer at those places: its keys and values are needed everywhere, but queries and the
  feed-forward block of a token that is not predicted feed nothing.

With dropout the random numbers fall on other tokens than in the padded form, so that a step is equal in
distribution and not bit by bit.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, Final

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from dnamask_plugins.corruption import IGNORED_LABEL
from dnamask_plugins.models.nucleotide_loss import LetterTable, MaskedLosses
from dnamask_plugins.models.packed_layers import Encoder, encoder_of
from dnamask_plugins.models.plan import Plan

_INSTALLED: Final = "_dnamask_masked_forward"
_LETTERS: Final = "_dnamask_letters"


# Its shapes depend on the data: under torch.compile it runs as plain Python between two graphs.
_plan = torch.compiler.disable(Plan.from_batch)


def masked_lm_loss(
    model: nn.Module,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None,
    labels: torch.Tensor,
    num_items: torch.Tensor | int | None = None,
    plan: Plan | None = None,
) -> tuple[torch.Tensor, int]:
    """Return the loss of a masked language model, computed on real and on predicted tokens only.

    Parameters
    ----------
    model : nn.Module
        A masked language model; BERT, ESM and DNABERT-2 (also with LoRA adapters) are run packed, any
        other through its own forward pass. It may be wrapped for data parallelism or compiled.
    input_ids, labels : int64 tensor, shape (B, L)
        Labels are -100 where nothing is predicted.
    attention_mask : tensor, shape (B, L), or None
        Non-zero for real tokens.
    num_items : int or tensor, optional
        What the sum is divided by, for a mean over several batches; the number of labels by default.
    plan : Plan, optional
        `Plan.from_batch` of this batch, made on the host; without it the device is asked for the mask.

    Returns
    -------
    loss : tensor, shape ()
        0 where nothing is predicted.
    count : int
        Predicted tokens.

    Examples
    --------
    >>> from dnamask_plugins.plugins import create
    >>> from dnamask_plugins.models.loading import load_masked_lm
    >>> model, _ = load_masked_lm("bert_tiny", create("tokenizers", "kmer", k=6), seed=0)
    >>> ids = torch.tensor([[2, 9, 4, 8, 3]])
    >>> loss, count = masked_lm_loss(model, ids, None, torch.tensor([[-100, -100, 7, -100, -100]]))
    >>> count, bool(abs(loss - model(ids, labels=torch.tensor([[-100, -100, 7, -100, -100]])).loss) < 1e-5)
    (1, True)
    """
    inner = _inner(model)
    if encoder_of(inner) is not None and _is_compiled_or_parallel(model):
        install_masked_forward(inner)
        loss, count = model(
            input_ids=input_ids, attention_mask=attention_mask, labels=labels, masked_only=True, plan=plan
        )
    else:
        loss, count = _loss(inner, model, input_ids, attention_mask, labels, plan=plan)
    return (loss if num_items is None else loss * (count / num_items)), count


def masked_lm_losses(
    model: nn.Module,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None,
    labels: torch.Tensor,
    places: torch.Tensor,
    table: LetterTable,
    plan: Plan | None = None,
) -> MaskedLosses:
    """Return the loss of `masked_lm_loss` beside that of the hidden letters, from one forward pass.

    Parameters
    ----------
    model, input_ids, attention_mask, labels
        As for `masked_lm_loss`; a model that is compiled or wrapped for parallelism is called with ``places``
        itself, after `install_masked_forward`.
    places : float tensor, shape (B, L, w)
        See `Spellings.places`.
    table : LetterTable
    plan : Plan, optional
    """
    return MaskedLosses(*_loss(_inner(model), model, input_ids, attention_mask, labels, places, table, plan))


def masked_logits(
    model: nn.Module,
    input_ids: torch.Tensor,
    chosen: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Score the vocabulary at some tokens only; the other tokens' head and last layer are not computed.

    Parameters
    ----------
    model : nn.Module
        A masked language model.
    input_ids : int64 tensor, shape (B, L)
        As the model is to see them.
    chosen : bool tensor, shape (B, L)
        False on padding.
    attention_mask : tensor, shape (B, L), optional

    Returns
    -------
    tensor, shape (M, V)
        In the order of rows, then tokens.
    """
    inner = _inner(model)
    encoder = encoder_of(inner)
    if encoder is None:
        return model(input_ids=input_ids, attention_mask=attention_mask).logits[chosen]
    labels = torch.where(chosen, input_ids, IGNORED_LABEL)
    plan = _plan(input_ids, attention_mask, labels)
    # Packed rows come longest first.
    return _logits(encoder, inner, input_ids, plan)[torch.argsort(plan.rows.index[plan.chosen])]


def install_masked_forward(model: nn.Module, table: LetterTable | None = None) -> None:
    """Let ``model(..., labels=..., masked_only=True)`` return what `masked_lm_loss` returns.

    Needed where a wrapper must see the forward pass (`DistributedDataParallel`, FSDP, `torch.compile`,
    Hugging Face's Trainer). Without ``masked_only`` the model does what it did. With a table of letters,
    ``places=...`` may be given as well and `MaskedLosses` come back.
    """
    target = _inner(model)
    if table is not None:
        setattr(target, _LETTERS, table)
    if getattr(target, _INSTALLED, False):
        return
    own = type(target).forward

    @functools.wraps(own)
    def forward(
        self: Any,
        *args: Any,
        masked_only: bool = False,
        places: torch.Tensor | None = None,
        plan: Plan | None = None,
        **kwargs: Any,
    ) -> Any:
        if not masked_only:
            return type(self).forward(self, *args, **kwargs)
        given = inspect.signature(own).bind(self, *args, **kwargs).arguments
        batch = given["input_ids"], given.get("attention_mask"), given["labels"]
        # Not `self`: a wrapper's hooks are running already (FSDP2).
        plain = functools.partial(type(self).forward, self)
        return _loss(self, plain, *batch, places, getattr(self, _LETTERS, None), plan)

    # A bound method, so that a deep copy of the model is bound to the copy.
    target.forward = types.MethodType(forward, target)
    setattr(target, _INSTALLED, True)


def _is_compiled_or_parallel(model: nn.Module) -> bool:
    """Say whether a wrapper has to see the forward pass."""
    parallel = isinstance(model, nn.parallel.DistributedDataParallel) or type(model).__name__.startswith(
        "Fully"
    )
    return parallel or hasattr(model, "_orig_mod")


def _inner(model: Any) -> nn.Module:
    """Return the model inside the wrappers of parallelism, compilation and adapters."""
    while True:
        if hasattr(model, "_orig_mod"):
            model = model._orig_mod
        elif _is_compiled_or_parallel(model):
            model = model.module
        elif hasattr(model, "get_base_model"):
            model = model.get_base_model()
        else:
            return model


def _loss(
    inner: nn.Module,
    outer: Callable[..., Any],
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None,
    labels: torch.Tensor,
    places: torch.Tensor | None = None,
    table: LetterTable | None = None,
    plan: Plan | None = None,
) -> tuple[Any, ...]:
    """Return the mean token loss and the number of tokens; with places the sums of `LetterLosses` too."""
    encoder = encoder_of(inner)
    if encoder is None:
        logits, targets, places = _plain_predictions(outer, input_ids, attention_mask, labels, places, plan)
    else:
        # Here and not deeper: where the graph of torch.compile breaks, the rest of a frame is one graph.
        plan = _plan(input_ids, attention_mask, labels, places) if plan is None else plan
        logits, targets, places = _logits(encoder, inner, input_ids, plan), plan.targets, plan.places
    count = targets.numel() if plan is None else plan.count
    mean = cross_entropy(logits.float(), targets, reduction="sum") / max(count, 1)
    if places is None or table is None:
        return mean, count
    return (mean, count, *table.losses(logits, targets, places))


def _plain_predictions(
    model: Any,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None,
    labels: torch.Tensor,
    places: torch.Tensor | None,
    plan: Plan | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    logits = model(input_ids=input_ids, attention_mask=attention_mask).logits
    if plan is not None:
        return logits.flatten(0, 1)[plan.flat], plan.targets, plan.places
    if attention_mask is not None:
        labels = labels.masked_fill(attention_mask == 0, IGNORED_LABEL)
    wanted = labels != IGNORED_LABEL
    return logits[wanted], labels[wanted], None if places is None else places[wanted]


def _logits(encoder: Encoder, model: Any, input_ids: torch.Tensor, plan: Plan) -> torch.Tensor:
    """Score the vocabulary at the predicted tokens, (M, vocabulary)."""
    hidden, extra = encoder.embed(model, input_ids, plan.rows)
    layers = encoder.layers(model)
    for number, layer in enumerate(layers):
        chosen = (plan.chosen, plan.segments) if number == len(layers) - 1 else None
        if layer.training and getattr(layer, "gradient_checkpointing", False):
            hidden = checkpoint(encoder.layer, layer, hidden, plan.rows, extra, chosen, use_reentrant=False)
        else:
            hidden = encoder.layer(layer, hidden, plan.rows, extra, chosen)
    return encoder.head(model, hidden)
