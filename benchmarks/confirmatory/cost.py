"""What the nucleotide loss costs: ``python -m benchmarks.confirmatory.cost``.

CPU milliseconds of a forward and a backward pass on 16 windows, with the token loss alone and with the
letters as well, in turn; the least of all rounds, since a shared machine only ever adds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from dnamask_plugins.corruption import Corruption
from dnamask_plugins.masking import Masker
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.masked_loss import masked_lm_loss, masked_lm_losses
from dnamask_plugins.models.nucleotide_loss import LetterTable
from dnamask_plugins.plugins import create
from dnamask_plugins.tokenizers.spelling import Spellings
from dnamask_plugins.training.tensors import to_tensors
from dnamask_plugins.types import MaskSpec

ROUNDS = 25


def least(works: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return the least CPU milliseconds of each piece of work, done in turn."""
    found = dict.fromkeys(works, np.inf)
    for _ in range(ROUNDS):
        for name, work in works.items():
            started = time.process_time()
            work()
            found[name] = min(found[name], 1000 * (time.process_time() - started))
    return found


def measure(hidden: int, layers: int) -> dict[str, float]:
    """Measure a model on overlapping 6-mers."""
    tokenizer = create("tokenizers", "kmer", k=6)
    settings: dict[str, Any] = {
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden,
        "num_attention_heads": 4,
        "num_hidden_layers": layers,
        "position_embedding_type": "rotary",
        "tie_word_embeddings": True,
    }
    model, _ = load_masked_lm("nucleotide_transformer", tokenizer, seed=0, **settings)
    rng = np.random.default_rng(0)
    batch = tokenizer.encode_batch(["".join(rng.choice(list("ACGT"), 126)) for _ in range(16)])
    masker = Masker({"span": create("strategies", "span")}, Corruption.for_tokenizer(tokenizer))
    masked = masker(batch, MaskSpec.single("span", 0.15), 0, np.arange(16))
    spellings = Spellings.required(tokenizer, "the benchmark")
    tensors, table = to_tensors(masked), LetterTable(spellings)

    def token() -> None:
        masked_lm_loss(model, **tensors)[0].backward()

    def both() -> None:
        places = torch.from_numpy(spellings.places(masked.mask, batch))
        losses = masked_lm_losses(model, **tensors, places=places, table=table)
        (losses.tokens + losses.letters / places.sum()).backward()

    def places_only() -> None:
        spellings.places(masked.mask, batch)

    return least({"token": token, "both": both, "places alone": places_only})


def main() -> None:
    torch.set_num_threads(1)
    for hidden, layers in ((64, 2), (256, 2)):
        found = measure(hidden, layers)
        share = found["both"] / found["token"] - 1
        figures = ", ".join(f"{name} {value:.1f} ms" for name, value in found.items())
        print(f"{layers} layers of {hidden}: {figures}; the letters add {share:.1%}")


if __name__ == "__main__":
    main()
