"""A made-up suite that a model of a few thousand weights can learn, and such a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from toy_data import labelled, write_csv

SUITE = """
[suite]
name = "toy"

[recipes.dnabert1]
select_by = "metric"
learning_rate = 2e-3
num_train_epochs = 3
eval_steps = 10
global_batch = 16
max_length = 64

[recipes.dnabert2]
select_by = "loss"
learning_rate = 2e-3
num_train_epochs = 1
eval_steps = 10
global_batch = 16

[[task]]
name = "toy/motif"
classes = 2
length = 40
metric = "mcc"
species = "human"

[[task]]
name = "toy/other"
classes = 2
length = 40
metric = "accuracy"
species = "yeast"
"""


@pytest.fixture
def toy_suite(tmp_path: Path) -> Path:
    """TOML file of the toy suite; its data lie in the folder ``data`` beside it."""
    for number, task in enumerate(("motif", "other")):
        for split, rows in (("train", 96), ("dev", 32), ("test", 40)):
            path = tmp_path / "data" / "toy" / task / f"{split}.csv"
            write_csv(path, labelled(10 * number + len(split), rows))
    path = tmp_path / "toy.toml"
    path.write_text(SUITE)
    return path


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Save a tiny masked language model with its tokenizer, as a pretraining run does."""

    def make(
        backbone: str = "bert_tiny", tokenizer: dict[str, object] | None = None, **settings: int
    ) -> Path:
        from dnamask_plugins.plugins import create, load
        from dnamask_plugins.tokenizers.export import save_pretrained

        made = create("tokenizers", tokenizer or {"name": "kmer", "k": 3})
        sizes = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
        folder = tmp_path_factory.mktemp("model")
        load("backbones", backbone).build(made, 0, **{**sizes, **settings}).save_pretrained(folder)
        save_pretrained(made, folder)
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_model(make_model: Callable[..., Path]) -> Path:
    """A BERT of one layer over overlapping 3-mers."""
    return make_model()
