"""One masked sequence with everything that there is to show about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.budget import Budget, shown_nucleotides
from dnamask_plugins.guard import guarded_encode, guarded_select
from dnamask_plugins.masks.report import MaskReport, report, window_scores
from dnamask_plugins.protocols import DNATokenizer, MaskingStrategy, ScoreTable
from dnamask_plugins.rng import RngKey
from dnamask_plugins.types import BoolArray, NucleotideBatch

SHOWN, LEAKING, HIDDEN = range(3)
"""State of a nucleotide: no masked token covers it; one does, but a visible one shows it; none shows it."""


@dataclass(frozen=True, eq=False)
class MaskedSequence:
    """A sequence and its mask.

    Attributes
    ----------
    name : str
    letters : str
        n letters, lower case where the input was.
    input_ids, offsets, special : int64 (L,), int32 (L, 2), bool (L,)
    tokens : list of str, or None
        Text of each token where the tokenizer tells.
    mask : bool array, shape (L,)
    state : uint8 array, shape (n,)
        `SHOWN`, `LEAKING` or `HIDDEN`.
    window : int
        Length of the scored windows; 0 without an NPMI table.
    scores : float64 array, shape (n - window + 1,)
        NPMI of the window that starts at each nucleotide, NaN without one; empty without a table.
    """

    name: str
    letters: str
    input_ids: NDArray[np.int64]
    offsets: NDArray[np.int32]
    special: BoolArray
    tokens: list[str] | None
    mask: BoolArray
    state: NDArray[np.uint8]
    window: int
    scores: NDArray[np.float64]

    @property
    def maskable(self) -> int:
        """Tokens that may be masked."""
        return int((~self.special).sum())

    @property
    def masked(self) -> int:
        """Masked tokens."""
        return int(self.mask.sum())

    @property
    def hidden(self) -> int:
        """Nucleotides that no visible token shows."""
        return int((self.state == HIDDEN).sum())

    @property
    def hidden_intervals(self) -> list[tuple[int, int]]:
        """Stretches of hidden nucleotides, 0-based and half-open."""
        return runs(self.state == HIDDEN)

    def summary(self) -> str:
        """Say in one line how much is masked and hidden."""
        length = len(self.letters)
        return (
            f"{self.masked} of {self.maskable} tokens masked ({_percent(self.masked, self.maskable)}), "
            f"{self.hidden} of {length} nucleotides hidden ({_percent(self.hidden, length)})"
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "name": self.name,
            "sequence": self.letters,
            "input_ids": self.input_ids.tolist(),
            "tokens": self.tokens,
            "offsets": self.offsets.tolist(),
            "special_tokens_mask": self.special.tolist(),
            "masked": np.flatnonzero(self.mask).tolist(),
            "hidden": [list(interval) for interval in self.hidden_intervals],
            "mask_rate": self.masked / self.maskable if self.maskable else None,
            "hidden_rate": self.hidden / len(self.letters) if self.letters else None,
            "score_window": self.window or None,
            "scores": [None if np.isnan(score) else round(float(score), 6) for score in self.scores],
        }


def runs(flags: BoolArray) -> list[tuple[int, int]]:
    """Return the stretches of True as (start, stop).

    Examples
    --------
    >>> runs(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def mask_sequences(
    names: Sequence[str],
    letters: Sequence[str],
    tokenizer: DNATokenizer,
    strategy: MaskingStrategy,
    budget: Budget,
    *,
    seed: int = 0,
    step: int = 0,
    repeat_weight: float = 1.0,
    table: ScoreTable | None = None,
) -> list[MaskedSequence]:
    """Mask sequences as training would at a step; sequence i is example i.

    Parameters
    ----------
    names, letters : sequences of str
    tokenizer, strategy, budget
    seed, step : int
    repeat_weight : float
        Weight of lower-case letters.
    table : NpmiTable or None
        Scores to show.
    """
    batch = guarded_encode(tokenizer, NucleotideBatch.from_strings(letters), repeat_weight)
    key = RngKey.from_step(seed, step, range(len(letters))).fold_in("select")
    mask = guarded_select(strategy, batch, key, budget)
    covered, visible = shown_nucleotides(mask, batch)
    _, by_masked = shown_nucleotides(~mask, batch)
    state = np.where(covered & ~visible, HIDDEN, np.where(by_masked, LEAKING, SHOWN)).astype(np.uint8)
    name_tokens = getattr(tokenizer, "convert_ids_to_tokens", None)
    found = []
    for row, (name, sequence) in enumerate(zip(names, letters, strict=True)):
        width, length = int(batch.attention_mask[row].sum()), len(sequence)
        ids = batch.input_ids[row, :width]
        codes = batch.nucleotides[row, :length]
        found.append(
            MaskedSequence(
                name,
                sequence,
                ids,
                batch.offsets[row, :width],
                batch.special_tokens_mask[row, :width],
                None if name_tokens is None else list(name_tokens(ids.tolist())),
                mask[row, :width],
                state[row, :length],
                0 if table is None else int(table.k),
                np.empty(0) if table is None else window_scores(codes, table),
            )
        )
    return found


def measure(
    letters: Sequence[str],
    tokenizer: DNATokenizer,
    strategy: MaskingStrategy,
    budget: Budget,
    *,
    seed: int = 0,
    steps: int = 100,
    repeat_weight: float = 1.0,
    table: ScoreTable | None = None,
) -> MaskReport:
    """Mask sequences at many steps and sum the masks up."""
    batch = guarded_encode(tokenizer, NucleotideBatch.from_strings(letters), repeat_weight)
    keys = (RngKey.from_step(seed, step, range(len(letters))).fold_in("select") for step in range(steps))
    return report(((guarded_select(strategy, batch, key, budget), batch) for key in keys), table)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "none"
