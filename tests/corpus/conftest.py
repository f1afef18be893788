"""A small corpus of known letters."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dnamask_plugins.corpus.build import BuildOptions, build_corpus
from dnamask_plugins.corpus.split import SplitOptions
from dnamask_plugins.corpus.store import CorpusStore


@pytest.fixture(scope="session")
def sequences() -> dict[str, str]:
    """Three records: soft-masked stretches, N between, one too short to hold a region."""
    draw = random.Random(11)

    def letters(count: int) -> str:
        return "".join(draw.choices("ACGT", k=count))

    return {
        "one": letters(9_000) + letters(500).lower() + "N" * 100 + letters(3_001),
        "two": "n" + letters(63) + "N" + letters(64) + "RYK" + letters(700).lower() + letters(20_000),
        "tiny": letters(10),
    }


@pytest.fixture(scope="session")
def fasta(sequences: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fasta") / "small.fa"
    path.write_text("".join(f">{name} description\n{text}\n" for name, text in sequences.items()))
    return path


@pytest.fixture(scope="session")
def store(fasta: Path, tmp_path_factory: pytest.TempPathFactory) -> CorpusStore:
    options = BuildOptions(split=SplitOptions(validation_fraction=0.2, border_share=0.2))
    return build_corpus([fasta], tmp_path_factory.mktemp("corpus") / "small", options)
