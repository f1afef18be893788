"""Small models of every packed family, with random weights, and masked batches for them."""

from __future__ import annotations

from dataclasses import replace

import torch

from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.plugins import create, load

KMER = create("tokenizers", "kmer", k=3)
SMALL = {"hidden_size": 24, "num_attention_heads": 4, "intermediate_size": 16, "num_hidden_layers": 3}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
MODELS = {
    "bert": ("bert_tiny", {}),
    "one layer": ("bert_tiny", {"num_hidden_layers": 1}),
    "untied": ("bert_tiny", {"tie_word_embeddings": False}),
    "dnabert2": ("dnabert2", {}),
    "esm": ("nucleotide_transformer", {}),
    "nt v2": ("nucleotide_transformer_v2", {}),
    "roberta": ("roberta", {}),
    "modernbert": ("modernbert", {"local_attention": 8}),
    # Absolute positions: ProkBERT's relative ones go through the model's own forward pass.
    "megatron": (replace(load("backbones", "prokbert"), model_type="megatron-bert", register=None), {}),
    "gena": ("gena_lm", {"last_layer_norm": True}),
    "esm rotary": (
        "nucleotide_transformer",
        {"position_embedding_type": "rotary", "token_dropout": True, "emb_layer_norm_before": True},
    ),
}


def build(name, **changes):
    backbone, own = MODELS[name]
    # ModernBERT has no dropout of its own, and other names for it.
    without = {} if backbone == "modernbert" else NO_DROPOUT
    model, _ = load_masked_lm(backbone, KMER, seed=0, **SMALL | without | own | changes)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return model


def make_batch(lengths=(17, 17, 3, 9, 1, 17), seed=0, rate=0.3):
    generator = torch.Generator().manual_seed(seed)
    width = max(lengths)
    attention = torch.arange(width)[None, :] < torch.tensor(lengths)[:, None]
    ids = torch.randint(5, KMER.vocab_size, (len(lengths), width), generator=generator)
    ids = torch.where(attention, ids, KMER.pad_token_id)
    chosen = attention & (torch.rand(ids.shape, generator=generator) < rate)
    labels = torch.where(chosen, ids, -100)
    return torch.where(chosen, KMER.mask_token_id, ids), attention.long(), labels


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_same_gradients(one, other, tolerance=1e-5):
    assert set(one) == set(other)
    scale = max(float(value.abs().max()) for value in one.values())
    assert scale > 0
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=tolerance * scale, rtol=0, msg=name)
