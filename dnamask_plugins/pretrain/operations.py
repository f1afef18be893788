"""The operations and the memory of a training step, by formula.

**Formula.** With hidden size h, feed-forward size f, n layers, vocabulary V, and a step of windows of L_i
tokens, T = sum L_i, S = sum L_i^2, of which M = rate * T are predicted, counting 2 operations for each
multiply-and-add of a matrix product and nothing else:

- a full layer, forward: ``T * 2 * (4 h^2 + 2 h f) + S * 4 h`` (3 h f for DNABERT-2's gated block);
- the last layer, where only predicted tokens ask: ``T * 4 h^2 + M * 2 * (2 h^2 + 2 h f) + rate * S * 4 h``
  (DNABERT-2, whose one matrix gives queries everywhere: ``T * 6 h^2 + M * 2 * (h^2 + 3 h f) + ...``);
- the head: ``M * 2 * (h^2 + h V)``;
- backward: twice the forward; once for matrices that LoRA freezes;
- the plain way instead: every layer full and the head everywhere, with T and S of the padded batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnamask_plugins.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Shape:
    """The sizes of an encoder that decide its cost."""

    hidden: int
    layers: int
    intermediate: int
    vocabulary: int
    gated: bool = False

    @classmethod
    def from_model(cls, model: PreTrainedModel) -> Shape:
        """Read them from a model, which may be on the meta device: what its layers hold decides.

        A layer with more than four square matrices and two of the feed-forward block has a gated one.

        Raises
        ------
        ConfigError
            The configuration does not say how wide and how deep the model is.
        """
        from torch import nn

        config = model.config
        hidden, layers = (getattr(config, name, None) for name in ("hidden_size", "num_hidden_layers"))
        if not isinstance(hidden, int) or not isinstance(layers, int):
            raise ConfigError(
                f"estimate: cannot read the sizes of a '{config.model_type}' (no hidden_size or "
                "num_hidden_layers); give another backbone"
            )
        blocks = [
            module.weight.numel()
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear) and any(part.isdigit() for part in name.split("."))
        ]
        inner = max(sum(blocks) // layers - 4 * hidden**2, 0)
        width = getattr(config, "intermediate_size", None)
        if not isinstance(width, int):
            return cls(hidden, layers, inner // (2 * hidden), config.vocab_size)
        return cls(hidden, layers, width, config.vocab_size, gated=inner > 2.5 * hidden * width)

    @property
    def layer_weights(self) -> int:
        """Numbers in the matrices of a layer."""
        return self.hidden * (4 * self.hidden + (3 if self.gated else 2) * self.intermediate)


@dataclass(frozen=True)
class Work:
    """The tokens of an optimizer step.

    Attributes
    ----------
    tokens, squares : float
        Sum of the windows' lengths in tokens, and of their squares.
    predicted : float
        Tokens to predict.
    padded : bool
        Whether every token, padding included, goes through everything (the plain way).

    Examples
    --------
    >>> Work.from_lengths([512, 512], 0.15).predicted
    153.6
    """

    tokens: float
    squares: float
    predicted: float
    padded: bool = False

    @classmethod
    def from_lengths(cls, lengths: list[int], mask_rate: float, windows: int | None = None) -> Work:
        """Describe a step of `windows` windows whose lengths are distributed as `lengths`."""
        factor = 1.0 if windows is None else windows / len(lengths)
        tokens = sum(lengths) * factor
        return cls(tokens, sum(length**2 for length in lengths) * factor, tokens * mask_rate)

    @classmethod
    def padded_to(cls, width: int, windows: int, mask_rate: float) -> Work:
        """Describe a step of the plain way."""
        return cls(width * windows, width**2 * windows, width * windows * mask_rate, padded=True)


@dataclass(frozen=True)
class Operations:
    """Operations of a forward pass, by what the backward pass multiplies them with."""

    matrices: float
    attention: float

    def training(self, frozen: bool = False) -> float:
        """Forward and backward; matrices that are frozen need no gradient of their own."""
        return self.matrices * (2 if frozen else 3) + self.attention * 3


def forward_operations(shape: Shape, work: Work) -> Operations:
    """Count the operations of a forward pass; the formula is the module's docstring.

    Examples
    --------
    >>> logo = Shape(hidden=256, layers=2, intermediate=3072, vocabulary=4101)
    >>> plain = forward_operations(logo, Work.padded_to(512, 10, 0.15)).training()
    >>> ours = forward_operations(logo, Work.from_lengths([512] * 10, 0.15)).training()
    >>> f"{plain / 1e9:.0f} against {ours / 1e9:.0f} billion"
    '163 against 83 billion'
    """
    hidden, weights = shape.hidden, shape.layer_weights
    scores = 4 * hidden * work.squares
    head = 2 * hidden * (hidden + shape.vocabulary)
    if work.padded:
        return Operations(work.tokens * (shape.layers * 2 * weights + head), shape.layers * scores)
    everywhere = (3 if shape.gated else 2) * hidden**2
    full = (shape.layers - 1) * work.tokens * 2 * weights
    last = work.tokens * 2 * everywhere + work.predicted * 2 * (weights - everywhere)
    share = work.predicted / work.tokens if work.tokens else 0.0
    return Operations(full + last + work.predicted * head, (shape.layers - 1 + share) * scores)


def kept_numbers(shape: Shape, work: Work) -> float:
    """Count the numbers that the backward pass of a packed micro-batch needs (no dropout)."""
    hidden, inner = shape.hidden, (4 if shape.gated else 2) * shape.intermediate
    full = (shape.layers - 1) * work.tokens * (9 * hidden + inner)
    everywhere = work.tokens * (4 if shape.gated else 3) * hidden
    rest = work.predicted * ((5 if shape.gated else 6) * hidden + inner)
    return (
        full + everywhere + rest + work.predicted * (2 * shape.vocabulary + 4 * hidden) + work.tokens * hidden
    )
