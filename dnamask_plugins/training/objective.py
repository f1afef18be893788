"""What a run learns to predict: masked tokens, hidden nucleotides, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.protocols import Curriculum
from dnamask_plugins.tokenizers.spelling import Spellings
from dnamask_plugins.types import BoolArray, TokenBatch

LOSSES: Final = ("token", "nucleotide", "both")


@dataclass(frozen=True, eq=False)
class Objective:
    """The loss of an optimizer step.

    Attributes
    ----------
    loss : {"token", "nucleotide", "both"}
        ``token``: the mean over masked tokens. ``nucleotide``: the mean over the nucleotides that no visible
        token shows, each predicted once (its masked tokens share it). ``both``: the sum of the two means.
    spellings : Spellings, optional
        Of the tokenizer; needed for all but ``token``.
    """

    loss: str = "token"
    spellings: Spellings | None = None

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ConfigError(f"loss is '{self.loss}'; {suggest(self.loss, LOSSES)}")

    @classmethod
    def for_tokenizer(cls, loss: str, tokenizer: Any) -> Objective:
        """Build the objective of a run.

        Raises
        ------
        ConfigError
            No such loss, or the tokenizer does not tell how its ids are spelled.
        """
        if loss not in LOSSES or loss == "token":
            return cls(loss)
        return cls(loss, Spellings.required(tokenizer, f"loss = '{loss}'"))

    def places(self, mask: BoolArray, batch: TokenBatch) -> NDArray[np.float32] | None:
        """Return the weights of the hidden letters, float32 (B, L, w); None where no letter is learned."""
        return None if self.spellings is None else self.spellings.places(mask, batch)

    def note(self, curriculum: Curriculum) -> str | None:
        """Say what a curriculum that reads evaluations should know of this loss; None for nothing."""
        if self.loss != "nucleotide" or not dict(curriculum.initial_state()):
            return None
        return (
            f"loss = 'nucleotide' does not train the probabilities of whole tokens, but curriculum "
            f"'{curriculum.name}' has a memory and may read perplexity per token; loss = 'both' trains them"
        )

    def combine(self, token_loss: torch.Tensor, letter_loss: torch.Tensor) -> torch.Tensor:
        """Return what is minimised."""
        return letter_loss if self.loss == "nucleotide" else token_loss + letter_loss
