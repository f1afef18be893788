"""A made-up suite that a model of a few thousand weights can learn, and such a model."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

MOTIF = "TTAGGGTTAGGG"

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


def random_dna(generator: np.random.Generator, length: int) -> str:
    return "".join(generator.choice(list("ACGT"), size=length))


def labelled(seed: int, rows: int, shortest: int = 40, longest: int = 40) -> list[tuple[str, int]]:
    """Rows whose label says whether the motif stands in the sequence."""
    generator = np.random.default_rng(seed)
    made = []
    for row in range(rows):
        sequence = random_dna(generator, int(generator.integers(shortest, longest + 1)))
        if row % 2:
            at = int(generator.integers(0, len(sequence) - len(MOTIF)))
            sequence = sequence[:at] + MOTIF + sequence[at + len(MOTIF) :]
        made.append((sequence, row % 2))
    return made


def write_csv(path: Path, rows: list[tuple[object, ...]], header: str = "sequence,label") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        stream.write(header + "\n" if header else "")
        csv.writer(stream, lineterminator="\n").writerows(rows)
    return path


@pytest.fixture
def toy_suite(tmp_path: Path) -> Path:
    """TOML file of the toy suite; its data lie in the folder ``data`` beside it."""
    for number, task in enumerate(("motif", "other")):
        for split, rows in (("train", 96), ("dev", 32), ("test", 40)):
            write_csv(tmp_path / "data" / "toy" / task / f"{split}.csv", labelled(10 * number + len(split), rows))
    path = tmp_path / "toy.toml"
    path.write_text(SUITE)
    return path


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Save a tiny masked language model with its tokenizer, as a pretraining run does."""

    def make(backbone: str = "bert_tiny", tokenizer: dict[str, object] | None = None, **settings: int) -> Path:
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
