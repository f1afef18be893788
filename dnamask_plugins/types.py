"""Frozen values that the parts pass to each other, with their shapes.

B sequences in a batch, L tokens in a row, N nucleotides in the longest sequence.
Coordinates are nucleotides, 0-based, half-open.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.nucleotides import PADDING, encode_letters

BoolArray = NDArray[np.bool_]
Intervals = NDArray[np.int32]
"""Nucleotide intervals of one sequence, shape (M, 2): start, stop."""


@dataclass(frozen=True, eq=False)
class NucleotideBatch:
    """Sequences before tokenization.

    Attributes
    ----------
    codes : uint8 array, shape (B, N)
        Nucleotide codes (see `nucleotides`), 255 after the end of a sequence.
    lengths : int32 array, shape (B,)
        Nucleotides in each sequence.
    soft_mask : bool array, shape (B, N)
        True where the FASTA was lower case (repeats).
    """

    codes: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    soft_mask: BoolArray

    @classmethod
    def from_strings(cls, sequences: Sequence[str]) -> NucleotideBatch:
        """Encode strings and pad them to the longest.

        Raises
        ------
        InputError
            A sequence holds a character that is no nucleotide letter.

        Examples
        --------
        >>> NucleotideBatch.from_strings(["ACG", "t"]).codes.tolist()
        [[0, 1, 2], [3, 255, 255]]
        """
        # All letters in one pass: a call per sequence would take longer than its tokenization.
        try:
            flat_codes, flat_soft = encode_letters("".join(sequences))
        except InputError:
            for sequence in sequences:
                encode_letters(sequence)  # names the position in its own sequence
            raise
        lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int32)
        width = int(lengths.max(initial=0))
        codes = np.full((len(sequences), width), PADDING, dtype=np.uint8)
        soft_mask = np.zeros((len(sequences), width), dtype=bool)
        inside = np.arange(width) < lengths[:, None]
        codes[inside] = flat_codes
        soft_mask[inside] = flat_soft
        return cls(codes, lengths, soft_mask)


@dataclass(frozen=True)
class Encoding:
    """One tokenized sequence.

    Attributes
    ----------
    input_ids : int64 array, shape (L,)
    offsets : int32 array, shape (L, 2)
        The nucleotide interval that each token covers; (0, 0) for [CLS], [SEP] and padding. Starts and
        stops never decrease along the row; tokens may overlap (k-mers).
    special_tokens_mask : bool array, shape (L,)
        True for tokens that tell nothing of the sequence ([CLS], [SEP], padding, and [UNK], which covers
        its nucleotides without showing them): they are never masked.
    """

    input_ids: NDArray[np.int64]
    offsets: NDArray[np.int32]
    special_tokens_mask: BoolArray


@dataclass(frozen=True, eq=False)
class TokenBatch:
    """Tokenized sequences, one per row, padded on the right: all that a strategy sees.

    Attributes
    ----------
    input_ids : int64 array, shape (B, L)
    offsets : int32 array, shape (B, L, 2)
        The nucleotide interval that each token covers; (0, 0) for [CLS], [SEP] and padding.
    special_tokens_mask : bool array, shape (B, L)
        True for special, unknown and padding tokens: they are never masked.
    attention_mask : bool array, shape (B, L)
        False for padding.
    nucleotides : uint8 array, shape (B, N)
        Codes of the sequence itself, 255 after its end.
    lengths : int32 array, shape (B,)
        Nucleotides in each sequence.
    weights : float32 array, shape (B, N), or None
        Probability that a drawn unit which touches this nucleotide is kept: 1 everywhere when None,
        0 = never drawn. Soft-masked repeats, or any annotation of the user's, enter here.
    """

    input_ids: NDArray[np.int64]
    offsets: NDArray[np.int32]
    special_tokens_mask: BoolArray
    attention_mask: BoolArray
    nucleotides: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    weights: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return int(self.lengths.shape[0])

    def __getitem__(self, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> TokenBatch:
        """Select rows; the widths stay. Of rows given by number, an array is copied when it is first read."""
        whole, numbers = self.origin
        if isinstance(rows, slice) and whole is self:
            return self._every(lambda values: values[rows])
        numbers = numbers[rows]
        chosen: TokenBatch = object.__new__(TokenBatch)
        chosen.__dict__.update(_whole=whole, _numbers=numbers, lengths=whole.lengths.take(numbers))
        chosen.__dict__["weights"] = None if whole.weights is None else whole.weights.take(numbers, axis=0)
        return chosen

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name not in _COPIED_WHEN_READ or "_whole" not in self.__dict__:
                raise AttributeError(f"'TokenBatch' object has no attribute {name!r}")
            values = getattr(self._whole, name).take(self._numbers, axis=0)
            self.__dict__[name] = values
            return values

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, (B, L)."""
        return len(self), int(self.origin[0].input_ids.shape[1])

    @property
    def origin(self) -> tuple[TokenBatch, NDArray[np.int64]]:
        """The batch that these rows were chosen from, and their numbers in it; itself where none were."""
        whole = self.__dict__.get("_whole")
        return (self, _counted(len(self))) if whole is None else (whole, self.__dict__["_numbers"])

    def _every(self, pick: Callable[[NDArray[Any]], NDArray[Any]]) -> TokenBatch:
        return TokenBatch(
            pick(self.input_ids),
            pick(self.offsets),
            pick(self.special_tokens_mask),
            pick(self.attention_mask),
            pick(self.nucleotides),
            pick(self.lengths),
            None if self.weights is None else pick(self.weights),
        )

    def with_weights(self, weights: NDArray[np.float32] | None) -> TokenBatch:
        """Return the same batch with other nucleotide weights."""
        return replace(self, weights=weights)


_COPIED_WHEN_READ: Final = frozenset(
    ("input_ids", "offsets", "special_tokens_mask", "attention_mask", "nucleotides")
)


@functools.lru_cache(maxsize=64)
def _counted(size: int) -> NDArray[np.int64]:
    """Return 0..size-1."""
    return np.arange(size)


@dataclass(frozen=True)
class MaskSpec:
    """What a curriculum says about one step: which strategies, with which weights, and how much.

    Attributes
    ----------
    weights : tuple of (str, float)
        Strategy names with their shares; each example draws one of them. They sum to 1.
    mask_rate : float
        Target fraction in (0, 1].

    Examples
    --------
    >>> MaskSpec.single("genemask", 0.15).weights
    (('genemask', 1.0),)
    """

    weights: tuple[tuple[str, float], ...]
    mask_rate: float

    def __post_init__(self) -> None:
        check_mask_rate(self.mask_rate)
        shares = [share for _, share in self.weights]
        if not shares or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
            raise ConfigError(
                f"strategy weights {dict(self.weights)} must be at least 0 and sum to 1; correct them"
            )

    @classmethod
    def single(cls, strategy: str, mask_rate: float) -> MaskSpec:
        """Spec in which every example uses one strategy."""
        return cls(((strategy, 1.0),), mask_rate)

    @classmethod
    def mixture(cls, weights: Iterable[tuple[str, float]], mask_rate: float) -> MaskSpec:
        """Spec with several strategies; those of weight 0 are dropped."""
        return cls(tuple((name, float(share)) for name, share in weights if share > 0), mask_rate)


def check_mask_rate(mask_rate: float) -> float:
    """Return a mask rate that is usable for training, else raise.

    Raises
    ------
    ConfigError
        The rate is not in (0, 1].
    """
    if not 0 < mask_rate <= 1:
        raise ConfigError(f"mask rate {mask_rate:g} is outside (0, 1]; 0.15 is the usual choice")
    return mask_rate
