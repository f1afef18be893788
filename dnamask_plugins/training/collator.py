"""Masking for anybody's training loop: a data collator for Trainer, plain PyTorch or Lightning."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from dnamask_plugins.corruption import Corruption
from dnamask_plugins.errors import InputError
from dnamask_plugins.guard import guarded_encode
from dnamask_plugins.masking import Masker
from dnamask_plugins.plugins import create
from dnamask_plugins.protocols import Curriculum, DNATokenizer
from dnamask_plugins.strategies.building import build_strategies
from dnamask_plugins.training.schedule import Schedule
from dnamask_plugins.training.tensors import to_tensors
from dnamask_plugins.types import NucleotideBatch


@dataclass
class MaskingCollator:
    """Turn examples that hold a DNA sequence into a masked batch.

    An example is a mapping with ``sequence`` and, if it has one, ``example_id`` (an integer; otherwise a
    hash of the sequence). The mask depends on (seed, step, example id): whoever drives the loop keeps
    ``collator.schedule.step``, or `CurriculumCallback` does. Loader workers and prefetching run ahead of
    the optimizer, so with them a switch of strategy arrives as many batches late as were prefetched;
    `MaskingTrainer` masks when a batch is consumed and has no such delay.

    Parameters
    ----------
    tokenizer : DNATokenizer, or its name or configuration
    curriculum : Curriculum, or its name or configuration
    npmi : NpmiTable or path, optional
        For strategies that need one.
    strategies : mapping from label to configuration, optional
    seed : int
    max_length : int, optional
        Nucleotides after which a sequence is cut.
    mask_share, random_share : float
        See `Corruption`.
    per, draw
        See `Budget`.
    repeat_weight : float
        Keep-probability of units in lower-case (soft-masked) sequence.

    Examples
    --------
    >>> collator = MaskingCollator("kmer", {"name": "constant", "strategy": "span"})
    >>> batch = collator([{"sequence": "ACGTTGCAACGTAGCTAGCTTACG", "example_id": 0}])
    >>> sorted(batch), tuple(batch["labels"].shape)
    (['attention_mask', 'input_ids', 'labels'], (1, 21))
    """

    tokenizer: InitVar[Any]
    curriculum: Any = "constant"
    npmi: Any = None
    strategies: Mapping[str, Mapping[str, Any]] | None = None
    seed: int = 0
    max_length: int | None = None
    mask_share: float = 0.8
    random_share: float = 0.1
    per: Literal["token", "nucleotide"] = "token"
    draw: Literal["exact", "bernoulli"] = "exact"
    repeat_weight: float = 1.0
    schedule: Schedule = field(init=False)
    masker: Masker = field(init=False)
    encoder: DNATokenizer = field(init=False)

    def __post_init__(self, tokenizer: Any) -> None:
        # Not kept as ``tokenizer``: Trainer would take it for one of transformers and save it.
        self.encoder = create("tokenizers", tokenizer) if isinstance(tokenizer, (str, Mapping)) else tokenizer
        if isinstance(self.curriculum, (str, Mapping)):
            self.curriculum = create("curricula", self.curriculum)
        curriculum: Curriculum = self.curriculum
        self.schedule = Schedule(curriculum)
        self.masker = Masker(
            build_strategies(curriculum, self.strategies, self.npmi),
            Corruption.for_tokenizer(self.encoder, self.mask_share, self.random_share),
            self.seed,
            self.per,
            self.draw,
        )

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Tokenize and mask; returns ``input_ids``, ``attention_mask`` and ``labels``, int64 (B, L).

        Raises
        ------
        InputError
            An example has no ``sequence``, or it holds a letter that is no nucleotide.
        """
        for example in examples:
            if "sequence" not in example:
                raise InputError(
                    f"an example has the fields {sorted(example)} but no 'sequence'; rename the column, and "
                    "give Trainer remove_unused_columns=False"
                )
        sequences = [str(example["sequence"])[: self.max_length] for example in examples]
        ids = [
            int(example["example_id"]) if "example_id" in example else _hash_id(sequence)
            for example, sequence in zip(examples, sequences, strict=True)
        ]
        batch = guarded_encode(self.encoder, NucleotideBatch.from_strings(sequences), self.repeat_weight)
        step = self.schedule.step
        return to_tensors(self.masker(batch, self.schedule.spec, step, np.array(ids, dtype=np.int64)))


def _hash_id(sequence: str) -> int:
    return int.from_bytes(hashlib.blake2b(sequence.encode(), digest_size=8).digest(), "little", signed=True)
