"""A run of any backbone, taken up again, ends with the weights of one left alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from dnamask_plugins.pretrain.run import pretrain

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
BACKBONES: dict[str, dict[str, Any]] = {
    "logo": {},
    "dnabert": {},
    "dnabert2": {},
    "nucleotide_transformer": {},
    "nucleotide_transformer, rotary": {"position_embedding_type": "rotary"},
    "nucleotide_transformer, tied": {"tie_word_embeddings": True},
}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_resumed_weights_are_those_of_a_run_left_alone(tiny: Any, backbone: str) -> None:
    """Transformers saves the layer norms of ESM under older names, which its Trainer does not find again."""
    settings = tiny(
        backbone=backbone.split(",")[0],
        tokenizer={"name": "kmer", "k": 3},
        trainer={"max_steps": 6, "save_steps": 3, "eval_steps": 3, "learning_rate": 1e-2, "warmup_steps": 0},
    )
    settings = replace(settings, model=SMALL | BACKBONES[backbone])
    whole = pretrain(settings, quiet=True).folder
    kept = load_file(whole / "model.safetensors")
    (whole / "run.json").unlink()
    shutil.rmtree(whole / "checkpoint-6")
    again = load_file(pretrain(settings, quiet=True, resume=True).folder / "model.safetensors")
    assert [name for name in kept if not torch.equal(kept[name], again[name])] == []
