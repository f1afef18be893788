"""A small corpus and table, and settings for runs of seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnamask_plugins.plotting import as_png
from dnamask_plugins.pretrain import curves
from dnamask_plugins.pretrain.settings import PretrainSettings, merge


@pytest.fixture(scope="session")
def small_fasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two records with 3-letter repeats, so that there is something to learn."""
    rng = np.random.default_rng(7)
    words = np.array(["ACG", "TTA", "GGC", "CAT", "AAT", "GTC"])
    path = tmp_path_factory.mktemp("genome") / "small.fa"
    with path.open("w") as out:
        for record in ("one", "two"):
            text = "".join(rng.choice(words, size=10_000, p=[0.3, 0.3, 0.1, 0.1, 0.1, 0.1]))
            out.write(f">{record}\n")
            out.writelines(text[start : start + 60] + "\n" for start in range(0, len(text), 60))
    return path


@pytest.fixture(scope="session")
def small_corpus(small_fasta: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from dnamask_plugins.corpus.build import build_corpus

    folder = tmp_path_factory.mktemp("corpus") / "store"
    build_corpus([small_fasta], folder)
    return folder


@pytest.fixture(scope="session")
def small_table(small_fasta: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from dnamask_plugins.npmi.table import NpmiTable

    path = tmp_path_factory.mktemp("table") / "table.safetensors"
    NpmiTable.from_fasta([small_fasta], k=6, min_count=5).save(path)
    return path


@pytest.fixture
def curves_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every run the picture of one: to render its own would take a third of a run of a few steps."""
    monkeypatch.setattr(curves, "as_png", _first_picture)


_rendered: list[bytes] = []


def _first_picture(figure: Any) -> bytes:
    if not _rendered:
        _rendered.append(as_png(figure))
    return _rendered[0]


@pytest.fixture
def tiny(small_corpus: Path, small_table: Path, tmp_path: Path, curves_rendered_once: None) -> Any:
    """Return a maker of settings for a run of a second; nested changes as in a TOML file."""
    base = PretrainSettings(
        corpus=str(small_corpus),
        output=str(tmp_path / "model"),
        backbone="bert_tiny",
        model={
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        npmi=str(small_table),
        curriculum={"name": "cm_gems", "threshold": 1e9},
    )
    defaults = {
        "windows": {"full_length": 64},
        "validation": {"windows": 8, "length": 64},
        "trainer": {
            "max_steps": 6,
            "per_device_train_batch_size": 4,
            "gradient_accumulation_steps": 2,
            "eval_steps": 2,
            "save_steps": 3,
            "logging_steps": 1,
            "report_to": [],
        },
    }

    def make(name: str = "model", **changes: Any) -> PretrainSettings:
        values = merge(merge(base.to_mapping(), defaults), changes)
        return replace(PretrainSettings.from_mapping(values), output=str(tmp_path / name))

    return make
