"""A genome, a table and settings so small that a run takes seconds; shared by the studies of this folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

CURRICULA: dict[str, dict[str, Any]] = {
    "constant": {"name": "constant", "strategy": "span"},
    "cm_step": {"name": "cm_step", "steps": 40, "stages": 4},
    # Every evaluation after the first counts as calm, so that the switch comes at the third one.
    "cm_gems": {"name": "cm_gems", "threshold": 1e9, "patience": 2},
}
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def write_genome(path: Path, nucleotides: int = 60_000, records: int = 2, seed: int = 7) -> Path:
    """Write a FASTA file of three-letter words, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    words = np.array(["ACG", "TTA", "GGC", "CAT", "AAT", "GTC"])
    with path.open("w") as out:
        for record in range(records):
            drawn = rng.choice(words, nucleotides // (3 * records), p=[0.3, 0.3, 0.1, 0.1, 0.1, 0.1])
            text = "".join(drawn)
            out.write(f">record_{record}\n")
            out.writelines(text[start : start + 60] + "\n" for start in range(0, len(text), 60))
    return path


def prepare(folder: Path) -> tuple[Path, Path]:
    """Make the corpus and the table; returns their paths."""
    from dnamask_plugins.corpus.build import build_corpus
    from dnamask_plugins.npmi.table import NpmiTable

    folder.mkdir(parents=True, exist_ok=True)
    genome = write_genome(folder / "genome.fa")
    build_corpus([genome], folder / "corpus")
    NpmiTable.from_fasta([genome], k=6, min_count=5).save(folder / "table.safetensors")
    return folder / "corpus", folder / "table.safetensors"


def settings(corpus: Path, table: Path, output: Path, curriculum: str, **trainer: Any) -> dict[str, Any]:
    """Return a run's settings, as in a TOML file."""
    return {
        "corpus": str(corpus),
        "npmi": str(table),
        "output": str(output),
        "backbone": "bert_tiny",
        "model": {
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "hidden_dropout_prob": 0.1,
        },
        "curriculum": CURRICULA[curriculum],
        "windows": {"full_length": 64},
        "validation": {"windows": 8, "length": 64},
        "trainer": {
            "max_steps": 40,
            "per_device_train_batch_size": 4,
            "gradient_accumulation_steps": 2,
            "dataloader_num_workers": 2,
            "eval_steps": 5,
            "save_steps": 5,
            "logging_steps": 1,
            **trainer,
        },
    }


def as_toml(values: dict[str, Any], prefix: str = "") -> str:
    """Write nested settings as TOML."""
    plain = [f"{key} = {json.dumps(value)}\n" for key, value in values.items() if not isinstance(value, dict)]
    tables = [
        f"\n[{prefix}{key}]\n" + as_toml(value, f"{prefix}{key}.")
        for key, value in values.items()
        if isinstance(value, dict)
    ]
    return "".join(plain + tables)
