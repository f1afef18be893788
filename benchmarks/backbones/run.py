"""Training steps end to end: the plain way against this package, on one model, one machine, the same windows.

The plain way is what DNABERT's script does: Hugging Face's masking collator, padding, and the model's own
forward pass with labels. It is given ids that are tokenized already. This package's way starts from
nucleotides: encoding, masking (span, exact budget), packing, loss. Both end with the same AdamW.

    python benchmarks/backbones/run.py --backbone logo --rounds 5 --out logo.json
    python benchmarks/backbones/run.py --backbone dnabert --batch 4 --steps 1 --rounds 3 --out dnabert.json

Rounds are interleaved, and each gives one ratio, so that other work on the machine falls on all ways alike.
Processor seconds are reported besides wall time: on a shared machine they are the steadier figure.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dnamask_plugins.corruption import Corruption
from dnamask_plugins.masking import Masker
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.masked_loss import masked_lm_loss
from dnamask_plugins.plugins import create, load
from dnamask_plugins.tokenizers.export import save_pretrained
from dnamask_plugins.types import MaskSpec, NucleotideBatch

Step = Callable[[int], tuple[torch.Tensor, int]]
"""From the number of a batch to its loss and its padded tokens."""


def recipe_lengths(count: int, rng: np.random.Generator) -> list[int]:
    """Draw window lengths as GeneMask and CM-GEMS do: half 510, half uniform in 5..510."""
    return [510 if rng.random() < 0.5 else int(rng.integers(5, 511)) for _ in range(count)]


def cut_windows(count: int, rng: np.random.Generator, fasta: Path | None) -> list[str]:
    """Cut windows from a FASTA file, or from random letters."""
    if fasta is None:
        genome = "".join(rng.choice(list("ACGT"), size=1_000_000))
    else:
        lines = fasta.read_text().upper().splitlines()
        genome = "".join(line for line in lines if not line.startswith(">"))
    windows = []
    while len(windows) < count:
        length = recipe_lengths(1, rng)[0]
        start = int(rng.integers(0, len(genome) - length))
        window = genome[start : start + length]
        if set(window) <= set("ACGT"):
            windows.append(window)
    return windows


def plain_way(model: Any, tokenizer: Any, windows: list[list[str]], multiple: int | None) -> Step:
    """Hugging Face's collator and the model's own loss."""
    from transformers import AutoTokenizer, DataCollatorForLanguageModeling

    with tempfile.TemporaryDirectory() as folder:
        save_pretrained(tokenizer, folder)
        hugging_face = AutoTokenizer.from_pretrained(folder)
    collate = DataCollatorForLanguageModeling(hugging_face, mlm_probability=0.15, pad_to_multiple_of=multiple)
    tokenized = [
        [{"input_ids": tokenizer.encode(text).input_ids.tolist()} for text in batch] for batch in windows
    ]

    def step(number: int) -> tuple[torch.Tensor, int]:
        batch = collate(tokenized[number])
        return model(**batch).loss, batch["input_ids"].numel()

    return step


def our_way(model: Any, tokenizer: Any, windows: list[list[str]]) -> Step:
    """Nucleotides to loss with this package."""
    masker = Masker({"span": create("strategies", "span")}, Corruption.for_tokenizer(tokenizer))
    spec = MaskSpec.single("span", 0.15)
    nucleotides = [NucleotideBatch.from_strings(batch) for batch in windows]

    def step(number: int) -> tuple[torch.Tensor, int]:
        tokens = tokenizer.encode_batch(nucleotides[number])
        masked = masker(tokens, spec, number, np.arange(len(tokens)))
        ids, attention, labels = map(
            torch.from_numpy, (masked.input_ids, masked.attention_mask, masked.labels)
        )
        return masked_lm_loss(model, ids, attention, labels)[0], ids.numel()

    return step


def run_round(step: Step, batches: int, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """Train on every batch once."""
    wall, processor, computed, last = time.perf_counter(), time.process_time(), 0, 0.0
    for number in range(batches):
        loss, tokens = step(number)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        computed += tokens
        last = loss.item()
    return {
        "wall_s": (time.perf_counter() - wall) / batches,
        "cpu_s": (time.process_time() - processor) / batches,
        "padded_tokens": computed / batches,
        "last_loss": last,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="logo")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="setting of the model"
    )
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--steps", type=int, default=3, help="batches in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fasta", type=Path, help="cut the windows from here instead of from random letters")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    rng = np.random.default_rng(0)
    texts = cut_windows(options.batch * options.steps, rng, options.fasta)
    windows = [texts[start : start + options.batch] for start in range(0, len(texts), options.batch)]
    tokenizer = create("tokenizers", load("backbones", options.backbone).tokenizer)
    settings = {key: json.loads(value) for key, value in (pair.split("=", 1) for pair in options.set)}
    model, description = load_masked_lm(options.backbone, tokenizer, seed=0, **settings)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    real = sum(len(tokenizer.encode(text).input_ids) for text in texts) / len(windows)
    ways: dict[str, Step] = {
        "plain, padded to 512": plain_way(model, tokenizer, windows, 512),
        "plain, padded to the longest": plain_way(model, tokenizer, windows, None),
        "dnamask_plugins": our_way(model, tokenizer, windows),
    }
    ways["dnamask_plugins"](0)  # compiles the kernels

    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(options.rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            rounds[name].append(run_round(ways[name], len(windows), optimizer))
    ours = rounds["dnamask_plugins"]
    print(
        f"{description}; {options.batch} windows a step, {real:.0f} real tokens, {options.threads} thread(s)"
    )
    summary = {}
    for name, results in rounds.items():
        row = {
            key: statistics.median(result[key] for result in results)
            for key in ("wall_s", "cpu_s", "padded_tokens")
        }
        row["real_tokens_per_s"] = real / row["wall_s"]
        for clock in ("wall", "cpu"):
            ratios = [
                their[f"{clock}_s"] / our[f"{clock}_s"] for their, our in zip(results, ours, strict=True)
            ]
            row[f"{clock}_ratio"] = statistics.median(ratios)
            row[f"{clock}_ratio_min"], row[f"{clock}_ratio_max"] = min(ratios), max(ratios)
        summary[name] = {key: round(value, 4) for key, value in row.items()}
        print(
            f"{name:30s} {row['wall_s']:7.3f} s wall {row['cpu_s']:7.3f} s cpu a step "
            f"{row['real_tokens_per_s']:8.0f} real tokens/s   we are faster by {row['wall_ratio']:.2f} wall "
            f"({row['wall_ratio_min']:.2f}..{row['wall_ratio_max']:.2f}), {row['cpu_ratio']:.2f} cpu "
            f"({row['cpu_ratio_min']:.2f}..{row['cpu_ratio_max']:.2f})"
        )
    if options.out:
        record = {
            "model": description.to_dict(),
            "batch": options.batch,
            "steps": options.steps,
            "rounds": options.rounds,
            "threads": options.threads,
            "real_tokens_per_step": real,
            "summary": summary,
            "all": rounds,
            "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
            "torch": torch.__version__,
            "python": platform.python_version(),
        }
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
