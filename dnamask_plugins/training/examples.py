"""Windows as a data set: an index is an example id, a batch is tokenized in one go by a loader worker."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from dnamask_plugins.corpus.windows import WindowSampler
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.guard import guarded_encode
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.types import TokenBatch


@dataclass(frozen=True, eq=False)
class Examples:
    """Tokenized examples that nobody has masked yet.

    Attributes
    ----------
    batch : TokenBatch of B examples
    ids : int64 array, shape (B,)
        Example ids.
    """

    batch: TokenBatch
    ids: NDArray[np.int64]


class ExampleIds(Dataset):  # type: ignore[type-arg]
    """The example ids 0..size-1; `Tokenize` turns a list of them into a batch."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> int:
        return index


@dataclass(frozen=True, eq=False)
class Tokenize:
    """Collate function of pretraining: example ids to `Examples`; runs in the loader's workers.

    Masking is left to the consumer: a worker runs ahead of the optimizer and cannot know whether a
    curriculum has switched.

    Attributes
    ----------
    sampler : WindowSampler
    dna_tokenizer : DNATokenizer
        Not called ``tokenizer``: Trainer would take it for one of transformers and save it.
    repeat_weight : float
        Probability that a drawn unit in a soft-masked repeat is kept; 1 = as any other, 0 = never.
    """

    sampler: WindowSampler
    dna_tokenizer: DNATokenizer
    repeat_weight: float = 1.0

    def __call__(self, ids: Sequence[int]) -> Examples:
        """Cut and tokenize the windows of some example ids."""
        example_ids = np.asarray(ids, dtype=np.int64)
        windows = self.sampler(example_ids)
        where = f"at example ids {example_ids.min()}..{example_ids.max()}" if example_ids.size else ""
        return Examples(guarded_encode(self.dna_tokenizer, windows, self.repeat_weight, where), example_ids)


@contextlib.contextmanager
def from_worker(step: int) -> Iterator[None]:
    """Name the step in an error of ours, without the traceback that a loader worker wraps it into."""
    try:
        yield
    except DnamaskError as error:
        own = str(error).rpartition(f"{type(error).__name__}: ")[2].strip()
        raise type(error)(f"step {step}: {own}") from error
