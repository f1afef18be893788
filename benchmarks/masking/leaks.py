"""What each strategy's masks are like with each tokenizer, on real sequences: rate, spread, and what leaks.

``python benchmarks/masking/leaks.py --data FOLDER`` prints the tables; ``--write`` puts them into README.md.
FOLDER holds GUE (``gue/``), DNABERT-2's tokenizer (``tokenizers/dnabert2_bpe/tokenizer.json``) and the human
6-mer counts (``npmi/human_6mer_counts.csv``).
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
from sections import replace_section, table

from dnamask_plugins.budget import Budget
from dnamask_plugins.guard import guarded_select
from dnamask_plugins.masks import MaskReport, report
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.genemask import GeneMask
from dnamask_plugins.strategies.global_npmi import GlobalNpmi
from dnamask_plugins.strategies.mixture import Mixture
from dnamask_plugins.strategies.random_token import RandomToken
from dnamask_plugins.strategies.reverse_complement import ReverseComplement
from dnamask_plugins.strategies.span import Span
from dnamask_plugins.tokenizers.bpe import BpeTokenizer
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.tokenizers.logo import LogoTokenizer
from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer

SEQUENCES, STEPS = 500, 4
HEADER = [
    "strategy", "rate", "its spread", "lowest", "highest", "nucleotides hidden", "recoverable", "one hidden",
    "mean hidden",
]  # fmt: skip


def measure(strategy: Any, batch: Any, budget: Budget) -> MaskReport:
    keys = (RngKey.from_step(0, step, range(len(batch))) for step in range(STEPS))
    return report((guarded_select(strategy, batch, key, budget), batch) for key in keys)


def line(name: str, found: MaskReport) -> list[str]:
    return [
        name,
        f"{found.token_rate:.3f}",
        f"{found.rate_spread:.4f}",
        f"{found.rate_lowest:.3f}",
        f"{found.rate_highest:.3f}",
        f"{found.hidden_nucleotides:.3f}",
        f"{found.recoverable:.3f}",
        f"{found.one_hidden:.3f}",
        f"{found.mean_hidden:.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--gue", default="gue/prom/prom_300_tata/dev.csv")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with (arguments.data / arguments.gue).open() as lines:
        texts = [row["sequence"] for row in csv.DictReader(lines)][:SEQUENCES]
    npmi = NpmiTable.from_counts_csv(arguments.data / "npmi/human_6mer_counts.csv")
    exact, paper = Budget(0.15), Budget(0.15, draw="bernoulli")
    genemask, top = GeneMask(npmi), GlobalNpmi(npmi)
    strategies = {
        "random_token": (RandomToken(), exact),
        "span": (Span(), exact),
        "span, length 6": (Span(length=6), exact),
        "span, geometric, mean 4": (Span(length=4, geometric=True), exact),
        "genemask": (genemask, exact),
        "global_npmi": (top, exact),
        "global_npmi, temperature 0.5": (GlobalNpmi(npmi, temperature=0.5), exact),
        "mixture, genemask and global_npmi": (Mixture([genemask, top]), exact),
        "reverse_complement of genemask": (ReverseComplement(genemask), exact),
        "random_token, drawn as BERT does": (RandomToken(), paper),
        "span, drawn as DNABERT does": (Span(), paper),
        "genemask, drawn as its paper does": (genemask, paper),
        "span, 15% of the nucleotides": (Span(), Budget(0.15, "nucleotide")),
        "genemask, 15% of the nucleotides": (genemask, Budget(0.15, "nucleotide")),
    }
    tokenizers = {
        "kmer, k = 6": KmerTokenizer(6),
        "logo, n = 6": LogoTokenizer(6),
        "bpe, DNABERT-2's": BpeTokenizer(str(arguments.data / "tokenizers/dnabert2_bpe/tokenizer.json")),
        "nucleotide": NucleotideTokenizer(),
    }
    sections = []
    for name, tokenizer in tokenizers.items():
        batch = tokenizer.encode_batch(texts)
        rows = [
            line(label, measure(strategy, batch, budget)) for label, (strategy, budget) in strategies.items()
        ]
        sections.append(f"### {name}\n\n" + table(HEADER, rows))
    rng = np.random.default_rng(0)
    random = KmerTokenizer(6).encode_batch(["".join(rng.choice(list("ACGT"), 515)) for _ in range(640)])
    rows = [
        line("random_token, 15%", measure(RandomToken(), random, paper)),
        line("span, centre rate 0.025", measure(Span(center_rate=0.025), random, paper)),
        line("genemask, centre rate 0.0176", measure(GeneMask(npmi, center_rate=0.0176), random, paper)),
    ]
    sections.append("### Random 6-mers, for comparison with the original programs\n\n" + table(HEADER, rows))
    text = "\n\n".join(sections)
    source = Path(arguments.gue)
    text += f"\n\n{len(texts)} sequences of GUE's {source.parent.name} ({source.name}), {STEPS} masks each; "
    text += "human 6-mer NPMI."
    print(text)
    if arguments.write:
        replace_section("leaks", text)


if __name__ == "__main__":
    main()
