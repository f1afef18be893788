"""How much is masked: the target of an example, and what a mask really covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.types import BoolArray, TokenBatch


@dataclass(frozen=True)
class Budget:
    """Target of a selection.

    Attributes
    ----------
    rate : float
        Fraction in [0, 1]; 0 selects nothing, 1 everything that can be masked.
    per : {"token", "nucleotide"}
        Of what: maskable tokens (as in the papers), or nucleotides that no visible token shows.
    draw : {"exact", "bernoulli"}
        ``exact``: units are drawn one after the other until the target is reached; the last one is kept
        with the probability that makes the expected size equal to the target, so that the realised rate
        is off by less than one unit. ``bernoulli``: centres are drawn independently, as in the papers.

    Examples
    --------
    >>> Budget(0.15)
    Budget(rate=0.15, per='token', draw='exact')

    A viral promoter around its TATA box, in 18 overlapping 3-mers; a fifth of them are 3.6 tokens. Random
    tokens come one at a time: three fit, and six masks of ten keep the fourth.

    >>> from dnamask_plugins.rng import RngKey
    >>> from dnamask_plugins.strategies.random_token import RandomToken
    >>> from dnamask_plugins.strategies.span import Span
    >>> from dnamask_plugins.tokenizers.kmer import KmerTokenizer
    >>> batch = KmerTokenizer(3).encode_batch(["GGGCTATAAAAGGGGGTGGG"] * 4000)
    >>> key = RngKey.from_step(0, 0, range(4000))
    >>> chosen = RandomToken().select(batch, key, Budget(0.2)).sum(axis=1)
    >>> np.unique(chosen).tolist(), round(float(chosen.mean()), 1)
    ([3, 4], 3.6)

    Hiding one nucleotide masks the tokens that show it, three except near the ends; the sizes of the masks
    differ more, their mean does not:

    >>> chosen = Span().select(batch, key, Budget(0.2)).sum(axis=1)
    >>> np.unique(chosen).tolist(), round(float(chosen.mean()), 1)
    ([1, 2, 3, 4, 5, 6], 3.6)

    A fifth of the 20 nucleotides are 4. Tokens overlap, so that more than a fifth of them have to be masked
    before nothing shows 4 nucleotides:

    >>> mask = Span().select(batch, key, Budget(0.2, per="nucleotide"))
    >>> hidden = hidden_nucleotides(mask, batch).sum(axis=1)
    >>> round(float(hidden.mean()), 1), round(float(mask.sum(axis=1).mean()), 1)
    (4.0, 6.7)
    """

    rate: float
    per: Literal["token", "nucleotide"] = "token"
    draw: Literal["exact", "bernoulli"] = "exact"

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ConfigError(f"mask rate {self.rate:g} is outside [0, 1]; 0.15 is the usual choice")
        if self.per not in ("token", "nucleotide"):
            raise ConfigError(f"a mask rate is per 'token' or per 'nucleotide', not per {self.per!r}")
        if self.draw not in ("exact", "bernoulli"):
            raise ConfigError(f"a budget is drawn 'exact' or 'bernoulli', not {self.draw!r}")


def maskable_tokens(batch: TokenBatch) -> NDArray[np.int64]:
    """Count the tokens of each row that may be masked, shape (B,)."""
    return np.asarray((~batch.special_tokens_mask).sum(axis=1), dtype=np.int64)


def token_rate(mask: BoolArray, batch: TokenBatch) -> NDArray[np.float64]:
    """Return the realised fraction of maskable tokens in each row, shape (B,); NaN in a row without any."""
    with np.errstate(invalid="ignore"):
        return np.asarray(mask.sum(axis=1) / maskable_tokens(batch), dtype=np.float64)


def shown_nucleotides(mask: BoolArray, batch: TokenBatch) -> tuple[BoolArray, BoolArray]:
    """Say which nucleotides some token shows, and which of them a visible token still shows.

    Returns
    -------
    covered, visible : bool arrays, shape (B, N)
        ``covered & ~visible`` are the nucleotides that the mask truly hides.
    """
    width = batch.nucleotides.shape[1]
    rows = np.broadcast_to(np.arange(len(batch))[:, None], mask.shape)

    def union(tokens: BoolArray) -> BoolArray:
        edges = np.zeros((len(batch), width + 1), dtype=np.int32)
        np.add.at(edges, (rows[tokens], batch.offsets[..., 0][tokens]), 1)
        np.add.at(edges, (rows[tokens], batch.offsets[..., 1][tokens]), -1)
        return np.asarray(np.cumsum(edges, axis=1)[:, :width] > 0)

    maskable = ~batch.special_tokens_mask
    return union(maskable), union(maskable & ~mask)


def hidden_nucleotides(mask: BoolArray, batch: TokenBatch) -> BoolArray:
    """Return the nucleotides that no visible token shows, shape (B, N).

    Masking six neighbouring 6-mers hides one nucleotide; masking one alone hides none (DNABERT's issue 86).

    Parameters
    ----------
    mask : bool array, shape (B, L)
    batch : TokenBatch
    """
    covered, visible = shown_nucleotides(mask, batch)
    return covered & ~visible


def tokens_showing(hidden: BoolArray, batch: TokenBatch) -> BoolArray:
    """Return the tokens to mask so that nothing shows some nucleotides: the reverse of `hidden_nucleotides`.

    Parameters
    ----------
    hidden : bool array, shape (B, N)
        The nucleotides.
    batch : TokenBatch

    Returns
    -------
    bool array, shape (B, L)
        False on special tokens, which show nothing.

    Examples
    --------
    >>> from dnamask_plugins.tokenizers.kmer import KmerTokenizer
    >>> batch = KmerTokenizer(3).encode_batch(["ACGTAC"])  # [CLS] ACG CGT GTA TAC [SEP]
    >>> tokens_showing(np.arange(6)[None] == 1, batch)[0].tolist()
    [False, True, True, False, False, False]
    """
    before = np.zeros((len(batch), hidden.shape[1] + 1), dtype=np.int64)
    np.cumsum(hidden, axis=1, out=before[:, 1:])
    counts = [np.take_along_axis(before, batch.offsets[..., end].astype(np.int64), axis=1) for end in (0, 1)]
    return np.asarray((counts[1] > counts[0]) & ~batch.special_tokens_mask)


def hidden_rate(mask: BoolArray, batch: TokenBatch) -> NDArray[np.float64]:
    """Return the share of each row's tokenized nucleotides that are truly hidden, shape (B,)."""
    covered, visible = shown_nucleotides(mask, batch)
    with np.errstate(invalid="ignore"):
        return np.asarray((covered & ~visible).sum(axis=1) / covered.sum(axis=1), dtype=np.float64)
