"""From an expression matrix to a pretrained model: ranked genes, modules by NPMI, CM-GEMS.

python -m example_gene_rank.pretrain --matrix cells.h5ad -o model
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dnamask_plugins import plugins
from dnamask_plugins.corruption import Corruption
from dnamask_plugins.errors import DnamaskError, InputError
from dnamask_plugins.masking import MaskedBatch, Masker
from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.models.masked_loss import masked_lm_loss
from dnamask_plugins.models.source import load_backbone
from dnamask_plugins.tokenizers.export import save_tokenizer
from dnamask_plugins.types import MaskSpec, TokenBatch
from example_gene_rank.cells import as_mappings, read_matrix, typical_expression
from example_gene_rank.npmi import cooccurrence_npmi
from example_gene_rank.strategy import GeneModules, partners_of
from example_gene_rank.tokenizer import GeneRankTokenizer

EASY, HARD = "random_token", "example.gene_modules"


@dataclass(frozen=True)
class Settings:
    """How a model of cells is pretrained.

    Attributes
    ----------
    backbone : str
        Any of dnamask's; positions limit the genes of a cell.
    model : mapping
        Settings of the backbone.
    steps, batch, evaluate_every : int
    rate : float
        Share of a cell's genes that is hidden.
    learning_rate : float
    least : int
        Genes seen in fewer cells are left out, and pairs seen in fewer have no NPMI.
    longest : int
        Genes that are kept of a cell.
    threshold : float
        NPMI above which a gene belongs to another's module.
    drop : float
        Drop of perplexity below which CM-GEMS changes to modules.
    seed : int
    """

    backbone: str = "bert_tiny"
    model: Any = ()
    steps: int = 1000
    batch: int = 16
    evaluate_every: int = 100
    rate: float = 0.15
    learning_rate: float = 1e-3
    least: int = 5
    longest: int = 510
    threshold: float = 0.3
    drop: float = 1.0
    seed: int = 0


def pretrain(matrix: str | Path, output: str | Path, settings: Settings | None = None) -> dict[str, Any]:
    """Pretrain on the cells of a matrix, and write a folder that ``load_masked_lm`` reads.

    Returns
    -------
    dict
        What is written to ``history.json``: the evaluations and the step at which the strategy changed.

    Raises
    ------
    InputError
        The matrix cannot be used, or too few cells have two genes.
    """
    settings = settings or Settings()
    tokenizer, cells = encode(matrix, settings)
    held_out = max(len(cells) // 10, 1)
    order = np.random.default_rng(settings.seed).permutation(len(cells))
    validation, training = cells[order[:held_out]], cells[order[held_out:]]
    masker = make_masker(tokenizer, training, settings)
    model = build_model(load_backbone(settings.backbone), tokenizer, settings)
    history = train(model, masker, training, validation, order[held_out:], settings)
    folder = Path(output)
    model.eval().save_pretrained(folder)
    save_tokenizer(tokenizer, folder)  # type: ignore[arg-type]
    (folder / "history.json").write_text(json.dumps(history, indent=1))
    return history


def encode(matrix: str | Path, settings: Settings) -> tuple[GeneRankTokenizer, TokenBatch]:
    """Rank the genes of every cell; genes in too few cells are no part of the vocabulary."""
    counts, names = read_matrix(matrix)
    common = np.flatnonzero(np.asarray((counts > 0).sum(axis=0)).ravel() >= settings.least)
    genes = tuple(names[index] for index in common)
    typical = tuple(typical_expression(counts)[common].tolist())
    tokenizer = GeneRankTokenizer(genes, typical, settings.longest)
    batch = tokenizer.encode_batch(list(as_mappings(counts, names)))
    usable = np.flatnonzero((~batch.special_tokens_mask).sum(axis=1) >= 2)
    if usable.size < 10:
        raise InputError(f"{matrix}: {usable.size} cells have two known genes; 10 are the least")
    return tokenizer, batch[usable]


def make_masker(tokenizer: GeneRankTokenizer, cells: TokenBatch, settings: Settings) -> Masker:
    """Make both strategies; the modules come from the training cells alone."""
    ids = [row[~special] for row, special in zip(cells.input_ids, cells.special_tokens_mask, strict=True)]
    scores = cooccurrence_npmi(ids, tokenizer.vocab_size, settings.least)
    strategies = {
        EASY: plugins.create("strategies", EASY),
        HARD: GeneModules(partners_of(scores, settings.threshold)),
    }
    return Masker(strategies, Corruption.for_tokenizer(tokenizer))  # type: ignore[arg-type]


def build_model(backbone: Backbone, tokenizer: GeneRankTokenizer, settings: Settings) -> Any:
    """Build the backbone over the genes."""
    return backbone.build(tokenizer, settings.seed, **dict(settings.model))  # type: ignore[arg-type]


def train(
    model: Any,
    masker: Masker,
    training: TokenBatch,
    validation: TokenBatch,
    numbers: np.ndarray,
    settings: Settings,
) -> dict[str, Any]:
    """Train under CM-GEMS; perplexity is always that of the held-out cells under one fixed easy mask."""
    from rich.progress import track

    curriculum = plugins.create(
        "curricula", "cm_gems", easy=EASY, hard=HARD, threshold=settings.drop, mask_rate=settings.rate
    )
    state = curriculum.initial_state()
    optimizer = torch.optim.AdamW(model.parameters(), settings.learning_rate, weight_decay=0.01)
    draws = np.random.default_rng(settings.seed)
    fixed = masker(validation, MaskSpec.single(EASY, settings.rate), 0, np.arange(len(validation)))
    evaluations = []
    for step in track(range(1, settings.steps + 1), "pretraining", disable=not sys.stderr.isatty()):
        rows = draws.choice(len(training), size=min(settings.batch, len(training)), replace=False)
        masked = masker(training[rows], curriculum.spec(state, step - 1), step, numbers[rows])
        optimizer.zero_grad()
        loss_of(model.train(), masked).backward()
        optimizer.step()
        if step % settings.evaluate_every == 0 or step == settings.steps:
            with torch.no_grad():
                perplexity = float(loss_of(model.eval(), fixed).exp())
            state = curriculum.update(state, step, {"perplexity": perplexity})
            evaluations.append({"step": step, "perplexity": perplexity})
    return {"evaluations": evaluations, "switch_step": state["switch_step"], "cells": len(training)}


def loss_of(model: Any, masked: MaskedBatch) -> torch.Tensor:
    """Return the masked loss of a batch."""
    parts = (masked.input_ids, masked.attention_mask, masked.labels)
    return masked_lm_loss(model, *map(torch.from_numpy, parts))[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--matrix", required=True, help=".h5ad, or a folder of 10x Genomics")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--backbone", default="bert_tiny")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    chosen = Settings(backbone=given.backbone, steps=given.steps, batch=given.batch, seed=given.seed)
    try:
        history = pretrain(given.matrix, given.output, chosen)
    except DnamaskError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    last = history["evaluations"][-1]
    print(f"{given.output}: perplexity {last['perplexity']:.1f} at step {last['step']} on held-out cells")


if __name__ == "__main__":
    main()
