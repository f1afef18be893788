"""What the input pipeline costs beside the training step that it feeds.

    python benchmarks/pipeline/run.py [--batch 10] [--steps 5] [--threads 1] [--write]

Windows of the recipe (half 510 nucleotides, half uniform in 6..510) are cut from the bundled fly chromosome,
tokenized into 6-mers, masked and turned into tensors; then LOGO (2 x 256) does one forward and backward pass
and an AdamW step on them. Both are timed in one run; ``--write`` puts the table into README.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--batch", type=int, default=10)
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--write", action="store_true")
options = parser.parse_args()
os.environ.setdefault("OMP_NUM_THREADS", str(options.threads))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from dnamask_plugins.corpus.build import build_corpus  # noqa: E402
from dnamask_plugins.corpus.bundled import bundled_genomes  # noqa: E402
from dnamask_plugins.corpus.windows import WindowSampler  # noqa: E402
from dnamask_plugins.corruption import Corruption  # noqa: E402
from dnamask_plugins.masking import Masker  # noqa: E402
from dnamask_plugins.models.loading import load_masked_lm  # noqa: E402
from dnamask_plugins.models.masked_loss import masked_lm_loss  # noqa: E402
from dnamask_plugins.npmi.table import NpmiTable  # noqa: E402
from dnamask_plugins.plugins import create  # noqa: E402
from dnamask_plugins.strategies.building import build_strategy  # noqa: E402
from dnamask_plugins.training.tensors import to_tensors  # noqa: E402
from dnamask_plugins.types import MaskSpec  # noqa: E402

torch.set_num_threads(options.threads)


def median_ms(action: Callable[[int], object], repeats: int) -> float:
    action(0)
    times = []
    for step in range(1, repeats + 1):
        started = time.perf_counter()
        action(step)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def main() -> None:
    fasta = bundled_genomes()["fly"]
    tokenizer = create("tokenizers", "kmer", k=6)
    table = NpmiTable.from_fasta([fasta], k=6)
    names = ("random_token", "span", "genemask", "global_npmi")
    strategies = {name: build_strategy({"name": name}, table) for name in names}
    masker = Masker(strategies, Corruption.for_tokenizer(tokenizer))
    with tempfile.TemporaryDirectory() as folder:
        sampler = WindowSampler(build_corpus([fasta], Path(folder) / "corpus"), min_length=6)

        def ids(step: int) -> np.ndarray:
            return np.arange(step * options.batch, (step + 1) * options.batch)

        windows = sampler(ids(0))
        batch = tokenizer.encode_batch(windows)
        specs = {name: MaskSpec.single(name, 0.15) for name in strategies}
        rows = [
            ("cut windows", median_ms(lambda step: sampler(ids(step)), 200)),
            ("tokenize", median_ms(lambda step: tokenizer.encode_batch(windows), 200)),
        ]
        rows += [
            (
                f"mask ({name}) and corrupt",
                median_ms(lambda step, s=spec: to_tensors(masker(batch, s, step, ids(0))), 200),
            )
            for name, spec in specs.items()
        ]
        model, _ = load_masked_lm("logo", tokenizer, seed=0)
        optimizer = torch.optim.AdamW(model.parameters(), lr=8e-4, fused=True)

        def train(step: int) -> None:
            examples = tokenizer.encode_batch(sampler(ids(step)))
            tensors = to_tensors(masker(examples, specs["genemask"], step, ids(step)))
            loss, _ = masked_lm_loss(model, **tensors)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

        step_ms = median_ms(train, options.steps)
    pipeline = rows[0][1] + rows[1][1] + max(value for name, value in rows if name.startswith("mask"))
    lines = ["| part | ms | share of the step |", "|---|---|---|"]
    lines += [f"| {name} | {value:.3f} | {value / step_ms:.2%} |" for name, value in rows]
    lines += [
        f"| **pipeline with the slowest strategy** | **{pipeline:.3f}** | **{pipeline / step_ms:.2%}** |",
        f"| LOGO step: pipeline, forward, backward, AdamW | {step_ms:.0f} | |",
    ]
    print("\n".join(lines))
    if options.write:
        text = (
            "# What the input pipeline costs\n\n"
            f"{options.batch} windows of the recipe's lengths, 6-mers, LOGO 2 x 256, "
            f"{options.threads} thread(s), CPU; medians of 200 (pipeline) and "
            f"{options.steps} (step) runs in one process.\n\n"
            + "\n".join(lines)
            + "\n\nRegenerate: `python benchmarks/pipeline/run.py --write`\n"
        )
        Path(__file__).with_name("README.md").write_text(text)


if __name__ == "__main__":
    main()
