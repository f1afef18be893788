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
from dnamask_plugins.models.masked_loss import masked_lm_loss, masked_lm_losses
from dnamask_plugins.models.nucleotide_loss import LetterTable
from dnamask_plugins.models.source import find_source
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.strategies.building import build_strategy
from dnamask_plugins.tokenizers.spelling import Spellings
from dnamask_plugins.training.validation import Measured, Validation, masked_loss_sum
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
) -> dict[str, Measured]:
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
    dict of str to Measured
        Strategy to its losses; ``Measured.perplexities()`` are their exponentials.
    """
    source = find_source(model)
    tokenizer = source.tokenizer()
    network, _ = load_masked_lm(source, tokenizer)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device).eval()
    scores = NpmiTable.load(npmi) if npmi else None
    built = {
        name: build_strategy({"name": name, **(configured or {}).get(name, {})}, scores)
        for name in strategies
    }
    masker = Masker(built, Corruption.for_tokenizer(tokenizer))
    batch = guarded_encode(tokenizer, validation_windows(CorpusStore.open(corpus), windows, length))
    spellings = Spellings.of(tokenizer)
    table = None if spellings is None else LetterTable(spellings)
    validation = Validation(batch, masker, mask_rate, spellings=spellings)
    validation.check(strategies, MaskSpec.single(strategies[0], mask_rate))

    def loss_of(each: dict[str, Any]) -> Any:
        if table is None:
            return masked_lm_loss(network, **each)
        return masked_lm_losses(network, **each, table=table)

    measured = {}
    with torch.no_grad():
        for name in strategies:
            batches = validation.batches(MaskSpec.single(name, mask_rate))
            found = Measured.from_sums(masked_loss_sum(loss_of, batches, device))
            assert found is not None, "checked above"
            measured[name] = found
    return measured
