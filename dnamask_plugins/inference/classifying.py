"""A fine-tuned model's answers: classes with probabilities, numbers, or sets of labels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.inference.batches import answers
from dnamask_plugins.inference.windows import Window
from dnamask_plugins.models.forward import model_inputs
from dnamask_plugins.nucleotides import complement, decode_codes, encode_letters
from dnamask_plugins.types import TokenBatch

Kind = Literal["classification", "regression", "multi_label"]

_KINDS: Final[dict[str, Kind]] = {
    "single_label_classification": "classification",
    "regression": "regression",
    "multi_label_classification": "multi_label",
}
_THRESHOLD: Final = 0.5


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer for one sequence, or for one window of it.

    Attributes
    ----------
    name, label
        Of the sequence; the label that the input gave it.
    start, stop : int
        The nucleotides that were looked at.
    windows : int
        Windows that were averaged.
    values : float64 array, shape (C,)
        Probabilities, or the number of a regression. NaN where the sequence is too short for the tokenizer.
    done : int
        Windows of the input that are dealt with.
    """

    name: str
    label: str
    start: int
    stop: int
    windows: int
    values: NDArray[np.float64]
    done: int


@dataclass(frozen=True, eq=False)
class Classifier:
    """A model with a trained head, and how its answers are read.

    Attributes
    ----------
    model : PreTrainedModel
    tokenizer : DNATokenizer
    limit : int or None
        Longest row in tokens.
    both_strands : bool
        Average over a sequence and its reverse complement.
    each_window : bool
        Answer for every window instead of every sequence.
    """

    model: Any
    tokenizer: Any
    limit: int | None = None
    both_strands: bool = False
    each_window: bool = False

    @property
    def kind(self) -> Kind:
        """What the outputs are: as the configuration says, else one output is a number."""
        problem = getattr(self.model.config, "problem_type", None)
        if problem is None:
            return "regression" if self.model.config.num_labels == 1 else "classification"
        if problem not in _KINDS:
            raise ConfigError(f"config.json: problem_type '{problem}' is not known; correct it")
        return _KINDS[problem]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs."""
        names = self.model.config.id2label
        return tuple(str(names[number]) for number in range(self.model.config.num_labels))

    def chosen(self, values: NDArray[np.float64]) -> str | float | None:
        """Return what a prediction says: a class, a number, or the labels with at least 0.5, by comma."""
        if np.isnan(values).any():
            return None
        if self.kind == "regression":
            return float(values[0])
        if self.kind == "classification":
            return self.classes[int(values.argmax())]
        return ",".join(name for name, value in zip(self.classes, values, strict=True) if value >= _THRESHOLD)

    def __call__(
        self, windows: Iterable[Window], progress: Callable[[int], None] | None = None
    ) -> Iterator[Prediction]:
        """Answer for sequences: the mean over their windows, weighted by nucleotides."""
        device = next(self.model.parameters()).device
        asked = _with_other_strand(windows) if self.both_strands else windows
        answered = answers(
            asked, self.tokenizer, self.limit, lambda batch: list(self._ask(batch)), device, progress
        )
        total, weight, count = np.zeros(len(self.classes)), 0, 0
        for _, group in itertools.groupby(answered, key=lambda item: item[0].number):
            parts = list(group)
            count += 1
            for window, answer in parts:
                if answer is not None:
                    total += answer * len(window.letters)
                    weight += len(window.letters)
            last = parts[-1][0]
            if self.each_window or last.last:
                mean = total / weight if weight else np.full(len(self.classes), np.nan)
                start = parts[0][0].start if self.each_window else 0
                yield Prediction(last.name, last.label, start, last.stop, count, mean, last.number + 1)
                total, weight, count = np.zeros(len(self.classes)), 0, 0

    @property
    def reads_pairs(self) -> bool:
        """Whether it was fine-tuned on pairs of sequences."""
        return getattr(self.model.config, "sequences_per_row", 1) == 2

    def _ask(self, batch: TokenBatch) -> NDArray[np.float64]:
        return self.values_of(model_inputs(batch, next(self.model.parameters()).device))

    def values_of(self, inputs: Mapping[str, torch.Tensor]) -> NDArray[np.float64]:
        """Return probabilities, or the number of a regression, for what a forward pass takes; (B, C)."""
        logits = self.model(**inputs).logits.double()
        if self.kind == "classification":
            logits = torch.softmax(logits, dim=-1)
        elif self.kind == "multi_label":
            logits = torch.sigmoid(logits)
        return np.asarray(logits.cpu().numpy())


def _with_other_strand(windows: Iterable[Window]) -> Iterator[Window]:
    """Yield each window twice, the second time as its reverse complement, in the same place."""
    for window in windows:
        codes = encode_letters(window.letters)[0]
        yield replace(window, last=False, fresh=0)
        yield replace(window, letters=decode_codes(complement(codes)[::-1]))
