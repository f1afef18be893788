"""A loss over hidden nucleotides instead of tokens (ours): every letter that a mask hides counts once."""

from __future__ import annotations

from typing import NamedTuple

import torch

from dnamask_plugins.tokenizers.spelling import Spellings


class LetterLosses(NamedTuple):
    """Sums over the letters that a batch hides, each letter shared out among the tokens that cover it.

    Attributes
    ----------
    letters : tensor, shape ()
        Of -ln p(letter at its place), p summed over all words that have it there.
    reach : tensor, shape ()
        Of -ln p(the word has any of A, C, G, T at that place): what `letters` charges for not knowing how
        long the word is. ``letters - reach`` is the loss of a letter given that there is one.
    """

    letters: torch.Tensor
    reach: torch.Tensor


class MaskedLosses(NamedTuple):
    """What a masked batch costs a model, by token and by hidden letter.

    Attributes
    ----------
    tokens : tensor, shape ()
        Mean loss of the predicted tokens.
    count : int
        Predicted tokens.
    letters, reach : tensor, shape ()
        See `LetterLosses`; sums, weighted by ``places``.
    """

    tokens: torch.Tensor
    count: int  # type: ignore[assignment]  # a tuple has a method of this name
    letters: torch.Tensor
    reach: torch.Tensor


class LetterTable:
    """Which words of a vocabulary have which letter at which place, as one matrix.

    Parameters
    ----------
    spellings : Spellings
    """

    def __init__(self, spellings: Spellings) -> None:
        letters = torch.from_numpy(spellings.letters).long()
        self.letters = letters
        codes = torch.arange(4)
        self.matrix = (letters[:, :, None] == codes).flatten(1).float()
        """float32 tensor, shape (V, 4 m): column 4 j + a is 1 for the words with letter a at place j."""

    def to(self, device: torch.device) -> LetterTable:
        """Move to a device, in place."""
        if self.matrix.device != device:
            self.letters, self.matrix = self.letters.to(device), self.matrix.to(device)
        return self

    @property
    def width(self) -> int:
        """Letters of the longest word."""
        return int(self.letters.shape[1])

    def marginals(self, logits: torch.Tensor, width: int) -> torch.Tensor:
        """Return p(letter a at place j), the sum over all words that have it there; float32 (M, width, 4).

        Parameters
        ----------
        logits : tensor, shape (M, V) or wider
            Words beyond the vocabulary, which a model may have room for, spell nothing.
        width : int
            Places, at most `width` of the table.
        """
        self.to(logits.device)
        # A sum of 4,000 probabilities has no digits to spare: float32 whatever the model computes in.
        with torch.autocast(logits.device.type, enabled=False):
            probabilities = logits.float().softmax(-1)[:, : len(self.matrix)]
            return (probabilities @ self.matrix[:, : 4 * width]).unflatten(1, (width, 4))

    def losses(self, logits: torch.Tensor, targets: torch.Tensor, places: torch.Tensor) -> LetterLosses:
        """Sum the losses of the letters of some predicted tokens.

        Parameters
        ----------
        logits : tensor, shape (M, V)
        targets : int64 tensor, shape (M,)
            True ids.
        places : float tensor, shape (M, w)
            Weight of the letter at each place; see `Spellings.places`. A place with a weight is one at which
            the true word has a letter.

        Examples
        --------
        Of the words AA, AC, CA, CC the model thinks AC and CC likely, so the second letter is known:

        >>> table = LetterTable(Spellings.from_words(["AA", "AC", "CA", "CC"]))
        >>> logits = torch.log(torch.tensor([[0.05, 0.45, 0.05, 0.45]]))
        >>> both = torch.tensor([[1.0, 1.0]])
        >>> round(float(table.losses(logits, torch.tensor([1]), both).letters), 3)  # -ln 0.5 - ln 0.9
        0.799
        """
        self.to(logits.device)
        width = places.shape[1]
        if not width or not logits.shape[0]:
            nothing = logits.float().sum() * 0
            return LetterLosses(nothing, nothing)
        marginal = self.marginals(logits, width)
        tiny = torch.finfo(torch.float32).tiny
        # An ignored target has no letters, and no weights.
        truth = self.letters[targets.clamp_min(0), :width].clamp(0, 3)[..., None]
        own = marginal.gather(2, truth)[..., 0].clamp_min(tiny).log()
        any_letter = marginal.sum(2).clamp_min(tiny).log()
        weights = places.float()
        return LetterLosses(-(weights * own).sum(), -(weights * any_letter).sum())
