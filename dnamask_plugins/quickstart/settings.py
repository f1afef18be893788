"""The sizes of the quickstart: small enough for minutes on two cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sizes:
    """How much is trained.

    Attributes
    ----------
    steps : int
        Optimizer steps of each pretraining.
    eval_steps : int
        Steps between evaluations.
    batch : int
        Windows in a step.
    window : int
        Nucleotides in a full-length window.
    train, dev, test : int
        Reads per species.
    read_length : int
        Nucleotides.
    epochs : int
        Of fine-tuning.
    """

    steps: int = 300
    eval_steps: int = 30
    batch: int = 16
    window: int = 128
    train: int = 150
    dev: int = 50
    test: int = 150
    read_length: int = 200
    epochs: int = 3

    @property
    def reads(self) -> dict[str, int]:
        """Reads per species and split."""
        return {"train": self.train, "dev": self.dev, "test": self.test}


MODEL: dict[str, Any] = {"hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 512}
"""A LOGO-type model (2 layers) of half the width."""

ARMS: dict[str, dict[str, Any]] = {
    "random span": {"name": "constant", "strategy": "span"},
    "CM-GEMS": {"name": "cm_gems", "threshold": 100.0},
}
"""What is compared: the same model, steps and seed under two curricula.

In a run this short perplexity falls by tens at every evaluation to the end; the paper's threshold of 1 is for
evaluations 500 steps of 250 windows apart. 100 lets the switch be seen.
"""
