"""The spelled start: embeddings that begin as sums of letters at their places (ours)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from dnamask_plugins.tokenizers.spelling import Spellings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SHARE: Final = 0.81
"""Part of the variance that the spelling explains; the rest is the plain draw."""

_STREAM: Final = 0x5BE11
"""Keeps these draws apart from those of the plain start, whatever the seed."""


def spell_embeddings(model: PreTrainedModel, spellings: Spellings, seed: int, share: float = SHARE) -> bool:
    """Let the input embeddings of a model begin as their spelling; tied outputs inherit it.

    The embedding of a word w of m letters becomes
    ``sqrt(share) * s / sqrt(m) * sum_j u[j, w_j] + sqrt(1 - share) * e_w``, where e_w is its plain draw, s
    the standard deviation of all plain draws, and u a standard normal vector for each place and letter. Mean
    and variance stay those of the plain start, and words with a letter in common at a place begin alike.
    Special ids keep their plain draw. A vocabulary without a word of two letters is left as it is.

    Parameters
    ----------
    model : PreTrainedModel
        Changed in place.
    spellings : Spellings
    seed : int
    share : float
        In [0, 1].

    Returns
    -------
    bool
        Whether anything was changed.

    Examples
    --------
    >>> from dnamask_plugins.models.loading import load_masked_lm
    >>> from dnamask_plugins.plugins import create
    >>> tokenizer = create("tokenizers", "kmer", k=3)
    >>> model, _ = load_masked_lm("bert_tiny", tokenizer, seed=0)
    >>> spell_embeddings(model, Spellings.of(tokenizer), seed=0)
    True
    >>> weight = model.get_input_embeddings().weight.detach()
    >>> rows = weight[tokenizer.encode("ACGTTT").input_ids[1:3]]  # ACG, CGT
    >>> float(torch.cosine_similarity(*rows, dim=0)) < 0.5  # letters count at their places only
    True
    """
    letters = torch.from_numpy(spellings.letters.astype(np.int64))
    length = (letters >= 0).sum(1)
    if int(length.max()) < 2:
        return False
    weight = model.get_input_embeddings().weight
    words = length > 0
    rng = np.random.default_rng([seed, _STREAM])
    draws = rng.standard_normal((letters.shape[1], 5, weight.shape[1]), dtype=np.float32)
    # A sixth row of zeros is for the places after the end of a word.
    table = torch.nn.functional.pad(torch.from_numpy(draws), (0, 0, 0, 1))
    total = torch.zeros((letters.shape[0], weight.shape[1]))
    for place in range(letters.shape[1]):
        total += table[place][letters[:, place]]
    with torch.no_grad():
        plain = weight[words].float()
        spelled = plain.std() * total[words] / length[words, None].sqrt()
        weight[words] = (share**0.5 * spelled + (1 - share) ** 0.5 * plain).to(weight.dtype)
    return True
