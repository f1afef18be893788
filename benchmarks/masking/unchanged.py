"""What the unchanged tenth shows of what a mask hides: ``python benchmarks/masking/unchanged.py``.

A tenth of the selected tokens stays as it is. With overlapping k-mers such a token shows its neighbours'
letters too. Printed: of the nucleotides that no unselected token shows, the share that an unchanged one does.
On 200 windows of 500 nucleotides of the fly genome that ships with the package, eight draws, mask rate 0.15.
"""

from __future__ import annotations

import numpy as np

from dnamask_plugins.budget import hidden_nucleotides
from dnamask_plugins.corpus.bundled import bundled_genomes
from dnamask_plugins.corpus.fasta import read_fasta
from dnamask_plugins.corruption import Corruption
from dnamask_plugins.masking import Masker
from dnamask_plugins.plugins import create
from dnamask_plugins.types import MaskSpec

WINDOWS, LENGTH, DRAWS = 200, 500, 8


def windows() -> list[str]:
    """Return stretches of a genome."""
    record = next(iter(read_fasta(dict(bundled_genomes())["fly"])))
    starts = np.random.default_rng(0).integers(0, len(record.sequence) - LENGTH, WINDOWS)
    return [record.sequence[start : start + LENGTH].decode().upper() for start in starts]


def shown_by_unchanged(tokenizer_name: str, strategy: str, **settings: int) -> tuple[float, float]:
    """Return the share of the hidden nucleotides that an unchanged token shows, and the share hidden."""
    tokenizer = create("tokenizers", tokenizer_name, **settings)
    masker = Masker({strategy: create("strategies", strategy)}, Corruption.for_tokenizer(tokenizer))
    batch = tokenizer.encode_batch(windows())
    hidden_count = shown_count = 0
    for step in range(DRAWS):
        masked = masker(batch, MaskSpec.single(strategy, 0.15), step, np.arange(len(batch)))
        changed = masked.mask & (masked.input_ids != batch.input_ids)
        hidden = hidden_nucleotides(masked.mask, batch)
        hidden_count += int(hidden.sum())
        shown_count += int((hidden & ~hidden_nucleotides(changed, batch)).sum())
    return shown_count / hidden_count, hidden_count / (DRAWS * WINDOWS * LENGTH)


def main() -> None:
    print("tokenizer      strategy       hidden   of those shown by an unchanged token")
    for name, settings, strategy in (
        ("kmer", {"k": 6}, "span"),
        ("kmer", {"k": 3}, "span"),
        ("nucleotide", {}, "random_token"),
    ):
        shown, hidden = shown_by_unchanged(name, strategy, **settings)
        label = name + "".join(f" {value}" for value in settings.values())
        print(f"{label:<14} {strategy:<14} {hidden:6.1%}   {shown:6.1%}")


if __name__ == "__main__":
    main()
