"""Answers for pairs of sequences, joined into one row as they were for fine-tuning."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from dnamask_plugins.errors import InputError
from dnamask_plugins.harness.encoding import encode_data
from dnamask_plugins.inference.classifying import Classifier, Prediction
from dnamask_plugins.inference.sequences import Piece
from dnamask_plugins.models.forward import tokens_at_once
from dnamask_plugins.nucleotides import reverse_complement
from dnamask_plugins.tasks.data import LabelledData

_POOL: Final = 256
"""Pairs that are tokenized together and sorted by length."""
_SURELY_LONG: Final = 64
"""Nucleotides that give a token whatever the tokenizer is."""


@dataclass(eq=False)
class PairAnswers:
    """A classifier that is asked about pairs.

    Attributes
    ----------
    classifier : Classifier
        With `both_strands` the mean is taken over the pair and the reverse complements of both.
    cut : int
        Pairs so far that lost tokens at the end, as they are longer than the model reads.
    """

    classifier: Classifier
    cut: int = 0

    def __call__(
        self, pieces: Iterable[Piece], progress: Callable[[int], None] | None = None
    ) -> Iterator[Prediction]:
        """Answer for each pair, in order; NaN where a sequence is too short for the tokenizer.

        Raises
        ------
        InputError
            A row holds one sequence only.
        """
        remaining = iter(pieces)
        while pool := list(itertools.islice(remaining, _POOL)):
            lonely = next((piece for piece in pool if not piece.partner), None)
            if lonely is not None:
                raise InputError(
                    f"'{lonely.name}': one sequence, but the model was fine-tuned on pairs; give a table "
                    "with sequence1 and sequence2, or name two columns: --sequence-column ONE,TWO"
                )
            values = self._values([(piece.letters, piece.partner) for piece in pool])
            for piece, answer in zip(pool, values, strict=True):
                length = len(piece.letters) + len(piece.partner)
                yield Prediction(piece.name, piece.label, 0, length, 1, answer, piece.record + 1)
            if progress is not None:
                progress(sum(len(piece.letters) + len(piece.partner) for piece in pool))

    def _values(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        values = np.full((len(pairs), len(self.classifier.classes)), np.nan)
        usable = [row for row, pair in enumerate(pairs) if all(map(self._gives_tokens, pair))]
        if usable:
            chosen = [pairs[row] for row in usable]
            values[usable] = self._one_strand(chosen, count=True)
            if self.classifier.both_strands:
                others = [(reverse_complement(one), reverse_complement(two)) for one, two in chosen]
                values[usable] = (values[usable] + self._one_strand(others)) / 2
        return values

    def _gives_tokens(self, letters: str) -> bool:
        if len(letters) >= _SURELY_LONG:
            return True
        return bool((~self.classifier.tokenizer.encode(letters).special_tokens_mask).any())

    def _one_strand(self, pairs: Sequence[tuple[str, str]], count: bool = False) -> NDArray[np.float64]:
        first, second = (tuple(side) for side in zip(*pairs, strict=True))
        data = LabelledData(Path(), "", first, second, np.zeros(len(pairs), dtype=np.int64))
        encoded = encode_data(data, self.classifier.tokenizer, self.classifier.limit)
        self.cut += encoded.truncated if count else 0
        device = next(self.classifier.model.parameters()).device
        values = np.empty((len(pairs), len(self.classifier.classes)))
        order = encoded.sorted_by_length()
        per_batch = max(1, tokens_at_once(device) // int(encoded.lengths.max()))
        for start in range(0, len(order), per_batch):
            rows = order[start : start + per_batch]
            batch = encoded.batch(rows)
            del batch["labels"]
            with torch.inference_mode():
                inputs = {name: torch.from_numpy(array).to(device) for name, array in batch.items()}
                values[rows] = self.classifier.values_of(inputs)
        return values
