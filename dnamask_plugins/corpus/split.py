"""Cuts runs of nucleotides into training and validation regions, so that no window lies in both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.rng import RngKey

SPLITS: Final = ("train", "validation")
_MOST_BLOCKS: Final = 1000


@dataclass(frozen=True)
class SplitOptions:
    """How validation regions are chosen.

    Attributes
    ----------
    validation_fraction : float
        Share of the nucleotides, in [0, 0.5].
    border_share : float
        Most of the window starts that cutting may cost, in (0, 1): a window of `window` nucleotides cannot
        lie across a cut. One validation block is made in any case, so a corpus of less than some hundred
        windows loses more.
    window : int
        Window length for which borders are counted.
    seed : int
        Moves the blocks.
    """

    validation_fraction: float = 0.05
    border_share: float = 0.01
    window: int = 510
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.validation_fraction <= 0.5:
            raise ConfigError(
                f"validation fraction {self.validation_fraction:g} is outside [0, 0.5]; 0.05 is usual"
            )
        if not 0 < self.border_share < 1:
            raise ConfigError(f"border share {self.border_share:g} is outside (0, 1); 0.01 is usual")
        if self.window < 1:
            raise ConfigError(f"split window {self.window} is below 1; 510 is usual")


@dataclass(frozen=True, eq=False)
class Regions:
    """Stretches of A, C, G, T in the order of the genome.

    Attributes
    ----------
    start, length : int64 arrays, shape (R,)
        Position in the store, and nucleotides.
    record, origin : int64 arrays, shape (R,)
        Number of the record over all sources, and position in it: where the region comes from.
    validation : bool array, shape (R,)
    """

    start: NDArray[np.int64]
    length: NDArray[np.int64]
    record: NDArray[np.int64]
    origin: NDArray[np.int64]
    validation: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.start.shape[0])


def validation_blocks(size: int, options: SplitOptions) -> NDArray[np.int64]:
    """Place the validation blocks: one in each of as many equal parts of the store as borders may cost.

    Parameters
    ----------
    size : int
        Nucleotides in the store.
    options : SplitOptions

    Returns
    -------
    int64 array, shape (B, 2)
        Start and stop in the store, ascending, disjoint.

    Examples
    --------
    >>> blocks = validation_blocks(1_000_000, SplitOptions(0.05))
    >>> len(blocks), int((blocks[:, 1] - blocks[:, 0]).sum())
    (9, 49995)
    """
    wanted = int(size * options.validation_fraction)
    if wanted == 0:
        return np.empty((0, 2), dtype=np.int64)
    # A block has two ends, and each costs the starts of the windows that would lie across it.
    affordable = int(options.border_share * size / (2 * max(options.window - 1, 1)))
    # A block must hold some windows itself, or validation has nothing to show for its borders.
    worthwhile = wanted // (4 * options.window)
    count = max(1, min(affordable, worthwhile, _MOST_BLOCKS))
    length = wanted // count
    stride = size // count
    slack = RngKey.from_step(options.seed, 0, np.arange(count)).fold_in("validation block").uniform(1)[:, 0]
    start = np.arange(count, dtype=np.int64) * stride + (slack * (stride - length + 1)).astype(np.int64)
    return np.stack([start, start + length], axis=1)


def cut(
    start: NDArray[np.int64],
    length: NDArray[np.int64],
    record: NDArray[np.int64],
    origin: NDArray[np.int64],
    blocks: NDArray[np.int64],
    shortest: int,
) -> Regions:
    """Cut runs at the borders of validation blocks and drop pieces shorter than `shortest`.

    Parameters
    ----------
    start, length, record, origin : int64 arrays, shape (runs,)
        As in `Regions`; starts ascend.
    blocks : int64 array, shape (B, 2)
    shortest : int
    """
    borders = np.unique(blocks.ravel())
    stop = start + length
    # Borders strictly inside run i are borders[first[i]:last[i]].
    first = np.searchsorted(borders, start, side="right")
    last = np.searchsorted(borders, stop, side="left")
    inside = last - first
    run = np.repeat(np.arange(start.size), inside + 1)
    head = np.cumsum(inside + 1) - (inside + 1)
    piece = np.arange(run.size) - head[run]
    padded = np.append(borders, 0)
    piece_start = np.where(piece == 0, start[run], padded[first[run] + piece - 1])
    piece_stop = np.where(
        piece == inside[run], stop[run], padded[np.minimum(first[run] + piece, borders.size)]
    )
    # Blocks are disjoint: a piece is inside one when more blocks began than ended at its start.
    began = np.searchsorted(blocks[:, 0], piece_start, side="right")
    ended = np.searchsorted(blocks[:, 1], piece_start, side="right")
    keep = piece_stop - piece_start >= shortest
    return Regions(
        start=piece_start[keep].astype(np.int64),
        length=(piece_stop - piece_start)[keep].astype(np.int64),
        record=record[run][keep],
        origin=(origin[run] + piece_start - start[run])[keep],
        validation=(began > ended)[keep],
    )
