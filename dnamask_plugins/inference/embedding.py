"""Hidden states as features: a vector a sequence (mean or CLS), or one a token; from any layer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.inference.batches import answers
from dnamask_plugins.inference.windows import Window
from dnamask_plugins.models.forward import mean_of_tokens, model_inputs
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.types import TokenBatch

POOLS: Final = ("mean", "cls", "tokens")


@dataclass(frozen=True, eq=False)
class Embedded:
    """The vectors of one sequence, or, one a token, those of one window of it.

    Attributes
    ----------
    name, label
        Of the sequence; see `Piece`.
    vectors : float32 array, shape (1, H), or (T, H) for tokens
        NaN where the sequence is too short for the tokenizer.
    intervals : int64 array, shape (1, 2) or (T, 2)
        The nucleotides that each vector covers.
    done : int
        Windows of the input that are dealt with.
    """

    name: str
    label: str
    vectors: NDArray[np.float32]
    intervals: NDArray[np.int64]
    done: int


@dataclass(frozen=True, eq=False)
class Embedder:
    """An encoder without a head, and what is taken from it.

    Attributes
    ----------
    model : PreTrainedModel
    tokenizer : DNATokenizer
    pool : {"mean", "cls", "tokens"}
        Mean over the tokens that show nucleotides; the first token; or every token that shows nucleotides.
    layer : int
        Of the hidden states: 0 is the embedding layer, -1 the last.
    limit : int or None
        Longest row in tokens.

    Raises
    ------
    ConfigError
        No such layer, or the tokenizer puts no special token in front.
    """

    model: Any
    tokenizer: DNATokenizer
    pool: str = "mean"
    layer: int = -1
    limit: int | None = None

    def __post_init__(self) -> None:
        layers = int(self.model.config.num_hidden_layers)
        if not -layers - 1 <= self.layer <= layers:
            raise ConfigError(
                f"--layer {self.layer}: the model has {layers} layers; give 0 (the embeddings) to {layers}, "
                "or count from the end with -1"
            )
        if self.pool not in POOLS:
            raise ConfigError(f"--pool {self.pool}: give one of {', '.join(POOLS)}")
        first = self.tokenizer.encode("ACGTACGTACGT").special_tokens_mask[:1]
        if self.pool == "cls" and not first.all():
            raise ConfigError("--pool cls: this tokenizer puts no token in front of a sequence; use mean")
        self.model.eval()

    def __call__(
        self, windows: Iterable[Window], progress: Callable[[int], None] | None = None
    ) -> Iterator[Embedded]:
        """Embed sequences; the windows of one are averaged by their tokens (mean) or alike (cls)."""
        device = next(self.model.parameters()).device
        answered = answers(windows, self.tokenizer, self.limit, self._ask, device, progress)
        return self._tokens(answered) if self.pool == "tokens" else self._pooled(answered)

    def _ask(self, batch: TokenBatch) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        device = next(self.model.parameters()).device
        hidden = self._hidden(model_inputs(batch, device))
        shows = ~batch.special_tokens_mask
        if self.pool == "tokens":
            states = hidden.cpu().numpy()
            return [(states[row][shows[row]], batch.offsets[row][shows[row]]) for row in range(len(batch))]
        counts = shows.sum(axis=1, keepdims=True)
        if self.pool == "cls":
            pooled = hidden[:, 0]
            counts = np.ones_like(counts)
        else:
            pooled = mean_of_tokens(hidden, torch.from_numpy(shows).to(device, torch.float32))
        return list(zip(pooled.cpu().numpy(), counts, strict=True))

    def _hidden(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        layers = int(self.model.config.num_hidden_layers)
        if self.layer in (-1, layers):
            return self.model(**inputs).last_hidden_state.float()
        return self.model(**inputs, output_hidden_states=True).hidden_states[self.layer].float()

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self.model.config.hidden_size)

    def _pooled(self, answered: Iterable[tuple[Window, Any]]) -> Iterator[Embedded]:
        total, weight = np.zeros(self.width), 0
        for window, answer in answered:
            if answer is not None:
                vector, count = answer
                total += vector.astype(np.float64) * int(count[0])
                weight += int(count[0])
            if window.last:
                mean = total / weight if weight else np.full(self.width, np.nan)
                interval = np.array([[0, window.stop]])
                vectors = mean[None].astype(np.float32)
                yield Embedded(window.name, window.label, vectors, interval, window.number + 1)
                total, weight = np.zeros(self.width), 0

    def _tokens(self, answered: Iterable[tuple[Window, Any]]) -> Iterator[Embedded]:
        for number, group in itertools.groupby(answered, key=lambda item: item[0].number):
            parts = [(window, answer) for window, answer in group]
            window = parts[0][0]
            vectors = [answer[0] for _, answer in parts if answer is not None]
            intervals = [each.start + answer[1] for each, answer in parts if answer is not None]
            yield Embedded(
                window.name,
                window.label,
                np.concatenate([np.empty((0, self.width), np.float32), *vectors]),
                np.concatenate([np.empty((0, 2), np.int64), *intervals]),
                number + 1,
            )
