"""Masking for anybody's training loop: a data collator for Trainer, plain PyTorch or Lightning."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import get_worker_info

from dnamask_plugins.corruption import Corruption
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.guard import guarded_encode
from dnamask_plugins.masking import Masker
from dnamask_plugins.plugins import create
from dnamask_plugins.protocols import Curriculum, DNATokenizer
from dnamask_plugins.strategies.building import build_strategies
from dnamask_plugins.training.examples import Examples
from dnamask_plugins.training.schedule import Schedule
from dnamask_plugins.training.tensors import to_tensors
from dnamask_plugins.types import NucleotideBatch


@dataclass
class MaskingCollator:
    """Turn examples that hold a DNA sequence into a masked batch.

    An example is a mapping with ``sequence`` and, if it has one, ``example_id`` (an integer; otherwise a
    hash of the sequence). The mask depends on (seed, step, example id): whoever drives the loop keeps
    ``collator.schedule.step``, or `CurriculumCallback` does.

    A loader worker holds a copy of the schedule that never advances, so masking there is refused. With
    workers, give the loader ``collator.tokenize`` and call ``collator.mask(batch, step)`` in the loop, as
    `MaskingTrainer` does.

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
    dna_tokenizer: DNATokenizer = field(init=False)

    def __post_init__(self, tokenizer: Any) -> None:
        # Not kept as ``tokenizer``: Trainer would take it for one of transformers and save it.
        self.dna_tokenizer = (
            create("tokenizers", tokenizer) if isinstance(tokenizer, (str, Mapping)) else tokenizer
        )
        if isinstance(self.curriculum, (str, Mapping)):
            self.curriculum = create("curricula", self.curriculum)
        curriculum: Curriculum = self.curriculum
        self.schedule = Schedule(curriculum)
        self.masker = Masker(
            build_strategies(curriculum, self.strategies, self.npmi),
            Corruption.for_tokenizer(self.dna_tokenizer, self.mask_share, self.random_share),
            self.seed,
            self.per,
            self.draw,
        )

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Tokenize and mask; returns ``input_ids``, ``attention_mask`` and ``labels``, int64 (B, L).

        Raises
        ------
        ConfigError
            It is called in a loader worker, which does not know the step.
        InputError
            See `tokenize`.
        """
        if get_worker_info() is not None:
            raise ConfigError(
                "MaskingCollator was called in a loader worker, which cannot know the optimizer step: masks "
                "would come late or freeze; set num_workers=0 (dataloader_num_workers=0), or give the loader "
                "collator.tokenize and call collator.mask(batch) in the loop, or use MaskingTrainer"
            )
        return self.mask(self.tokenize(examples))

    def tokenize(self, examples: Sequence[Mapping[str, Any]]) -> Examples:
        """Tokenize and leave the masking to `mask`: a collate function for loader workers.

        Raises
        ------
        InputError
            An example has no ``sequence``, it holds a letter that is no nucleotide, or the ``example_id`` is
            no integer of 64 bits.
        """
        sequences = [self._sequence_of(example) for example in examples]
        ids = [_id_of(example, sequence) for example, sequence in zip(examples, sequences, strict=True)]
        batch = guarded_encode(
            self.dna_tokenizer, NucleotideBatch.from_strings(sequences), self.repeat_weight
        )
        return Examples(batch, np.array(ids, dtype=np.int64))

    def mask(self, examples: Examples, step: int | None = None) -> dict[str, torch.Tensor]:
        """Mask what `tokenize` returned, at the moment it is used.

        Parameters
        ----------
        examples : Examples
        step : int, optional
            Optimizer step in progress; that of the schedule when not given.
        """
        if step is not None:
            self.schedule.step = step
        schedule = self.schedule
        return to_tensors(self.masker(examples.batch, schedule.spec, schedule.step, examples.ids))

    def _sequence_of(self, example: Mapping[str, Any]) -> str:
        if "sequence" not in example:
            raise InputError(
                f"an example has the fields {sorted(example)} but no 'sequence'; rename the column, and "
                "give Trainer remove_unused_columns=False"
            )
        return str(example["sequence"])[: self.max_length]


def _id_of(example: Mapping[str, Any], sequence: str) -> int:
    """Return the example's id; where it has none, a hash of the sequence."""
    if "example_id" not in example:
        return int.from_bytes(
            hashlib.blake2b(sequence.encode(), digest_size=8).digest(), "little", signed=True
        )
    given = example["example_id"]
    try:
        number = operator.index(given)
    except TypeError:
        number = 1 << 63
    if not -(1 << 63) <= number < 1 << 63:
        raise InputError(
            f"example_id {given!r} of the sequence {sequence[:20]}... is no integer from -2**63 to "
            "2**63 - 1; number the examples, or leave the field out to take a hash of the sequence"
        )
    return number
