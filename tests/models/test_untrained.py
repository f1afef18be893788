"""``untrained:MODEL``: the same architecture and tokenizer, nothing of the weights."""

from __future__ import annotations

from pathlib import Path

import torch

from dnamask_plugins.harness.model_source import ModelSource
from dnamask_plugins.models.loading import load_classifier
from dnamask_plugins.models.source import find_source


def test_weights_come_from_the_seed_alone(tiny_model: Path):
    trained, untrained = find_source(tiny_model), find_source(f"untrained:{tiny_model}")
    tokenizer = untrained.tokenizer()
    assert tokenizer.vocab_size == trained.tokenizer().vocab_size
    models = [
        load_classifier(source, tokenizer, 2, seed=seed)[0] for source, seed in ((trained, 1), (trained, 2))
    ]
    fresh = [load_classifier(untrained, tokenizer, 2, seed=seed)[0] for seed in (1, 1, 2)]
    name = "bert.encoder.layer.0.attention.self.query.weight"
    weights = [dict(model.named_parameters())[name] for model in (*models, *fresh)]
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[2], weights[3])
    assert not torch.equal(weights[2], weights[4])
    assert not torch.equal(weights[0], weights[2])
    assert [p.shape for p in models[0].parameters()] == [p.shape for p in fresh[0].parameters()]


def test_a_record_says_so(tiny_model: Path):
    source = ModelSource.find(f"untrained:{tiny_model}")
    info = source.info()
    assert info.name == f"untrained {tiny_model.name}"
    assert info.reference == f"untrained:{tiny_model.name}"
    assert info.weights_sha256 is None
    assert info.pretraining_steps == 0
    trained = ModelSource.find(str(tiny_model))
    assert source.files_sha256["weights"] != trained.files_sha256["weights"]
    assert source.files_sha256["config"] == trained.files_sha256["config"]
