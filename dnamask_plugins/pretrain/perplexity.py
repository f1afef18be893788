"""Held-out perplexity under several masks: a model is flattered by the one it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from dnamask_plugins.corpus.store import CorpusStore
from dnamask_plugins.corpus.windows import validation_windows
from dnamask_plugins.corruption import Corruption
from dnamask_plugins.guard import guarded_encode
from dnamask_plugins.masking import Masker
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.masked_loss import masked_lm_loss
from dnamask_plugins.models.source import find_source
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.strategies.building import build_strategy
from dnamask_plugins.training.schedule import perplexity
from dnamask_plugins.training.validation import Validation, masked_loss_sum
from dnamask_plugins.types import MaskSpec


def perplexity_under(
    model: str | Path,
    corpus: Path,
    strategies: Sequence[str],
    npmi: Path | None = None,
    configured: Mapping[str, Mapping[str, Any]] | None = None,
    windows: int = 256,
    length: int = 510,
    mask_rate: float = 0.15,
) -> dict[str, float]:
    """Measure a model folder on the validation split of a corpus under each strategy's fixed mask.

    Parameters
    ----------
    model : str or Path
        As for `find_source`.
    corpus : Path
    strategies : sequence of str
        Names, or labels among `configured`.
    npmi : Path, optional
        Table for the strategies that need one.
    configured : mapping from label to configuration, optional
    windows, length : int
        Number of windows, and nucleotides in each.
    mask_rate : float

    Returns
    -------
    dict of str to float
        Strategy to perplexity: exp of the mean masked-token loss.
    """
    source = find_source(model)
    tokenizer = source.tokenizer()
    network, _ = load_masked_lm(source, tokenizer)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device).eval()
    table = NpmiTable.load(npmi) if npmi else None
    built = {
        name: build_strategy({"name": name, **(configured or {}).get(name, {})}, table) for name in strategies
    }
    masker = Masker(built, Corruption.for_tokenizer(tokenizer))
    batch = guarded_encode(tokenizer, validation_windows(CorpusStore.open(corpus), windows, length))
    validation = Validation(batch, masker, mask_rate)
    measured = {}
    with torch.no_grad():
        for name in strategies:
            batches = validation.batches(MaskSpec.single(name, mask_rate))
            total = masked_loss_sum(lambda each: masked_lm_loss(network, **each), batches, device)
            measured[name] = perplexity(float(total[0] / total[1].clamp(min=1)))
    return measured
