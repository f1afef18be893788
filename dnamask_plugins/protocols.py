"""The page to read first: the three contracts that everything else keeps.

A *tokenizer* says which nucleotides each token shows. A *strategy* selects the tokens to predict.
A *curriculum* says which strategy, and how much, holds at a step. None of them knows the others::

    sequences --DNATokenizer--> TokenBatch --MaskingStrategy--> mask --corruption--> model
                                                 ^
                    step, validation metrics --Curriculum--> MaskSpec

Anything with these methods is a plugin once an entry point names it; no base class is needed, though
`dnamask_plugins.strategies.base` and `dnamask_plugins.config` make one short. The conformance
kit (`dnamask_plugins.testing`) checks what the types cannot say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from dnamask_plugins.budget import Budget
from dnamask_plugins.rng import RngKey
from dnamask_plugins.types import BoolArray, Encoding, MaskSpec, NucleotideBatch, TokenBatch

API_VERSION: Final = 1
"""Raised when a contract changes in a way that breaks plugins; a plugin may declare ``api_version = 1``."""

NEEDS: Final = ("npmi",)
"""What a run can give a strategy that asks for it in `needs`: the run's NPMI table."""

State = Mapping[str, Any]
"""A curriculum's memory: plain JSON, saved in every checkpoint."""

Metrics = Mapping[str, float]
"""What an evaluation measured: ``perplexity`` of the first probe, and ``perplexity/NAME`` of each probe.

``nucleotide_perplexity`` and ``nucleotide_perplexity/NAME`` are there where the mask hides nucleotides and
the tokenizer tells spellings.
"""


@runtime_checkable
class DNATokenizer(Protocol):
    """Turns nucleotides into token ids and remembers which nucleotides each token shows.

    ``k``, ``stride`` and merges belong to the tokenizer; nothing outside it knows them. Ids returned by
    `encode_batch` are padded on the right with `pad_token_id`.

    It may also tell how its ids are spelled: an attribute ``spellings``, a string of A, C, G, T and N an id,
    empty for special ids and for words that spell no letters (`TokenizerBase` reads it off the
    vocabulary). The spelled start, the loss over nucleotides and perplexity per nucleotide need it; a
    tokenizer without it works with everything else. One whose words begin several letters apart says with a
    number ``left_at_end`` how many letters at the end of a sequence may be in no word.
    """

    @property
    def name(self) -> str: ...
    @property
    def vocab_size(self) -> int: ...
    @property
    def pad_token_id(self) -> int: ...
    @property
    def mask_token_id(self) -> int: ...
    @property
    def special_ids(self) -> NDArray[np.int64]:
        """Ids that no nucleotide produces; random replacement never draws them."""
        ...

    def encode(self, sequence: str) -> Encoding:
        """Tokenize one sequence, special tokens included."""
        ...

    def encode_batch(self, sequences: Sequence[str] | NucleotideBatch) -> TokenBatch:
        """Tokenize many; row i equals ``encode(sequences[i])`` plus padding."""
        ...

    def to_config(self) -> Mapping[str, Any]: ...
    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self: ...


@runtime_checkable
class ScoreTable(Protocol):
    """A score for every k-mer, as `dnamask_plugins.npmi.NpmiTable` is one.

    ``scores`` has shape (4**k,) and is indexed by the k-mer read as a number: A C G T = 0 1 2 3, the first
    letter highest. NaN marks a k-mer without a score.
    """

    @property
    def k(self) -> int: ...
    @property
    def scores(self) -> NDArray[np.floating[Any]]: ...


@runtime_checkable
class MaskingStrategy(Protocol):
    """Selects the tokens to predict, and nothing else: it never corrupts.

    The mask of an example is a function of that example, its key and the budget: not of the batch,
    the padding, the row order or any global state. `batch` is read only.

    Class attributes may say more; whatever class it is, all of them are optional:

    ``needs = ("npmi",)``
        What of the run the strategy cannot work without (see `NEEDS`). `from_config` finds it under that
        name, for ``npmi`` a `ScoreTable`, unless the configuration already holds one; without one it must
        raise an error, since a strategy that runs without its table masks something else.
    ``parts = ("inner",)``
        Parameters that are strategies themselves: a name, a configuration, or a list of them. What they need
        is given to them too.
    ``reads_sequence = True``
        The mask depends on the letters.
    ``hides_nucleotides = False``
        Tokens are selected for themselves, so that visible neighbours may show what is masked.
    """

    @property
    def name(self) -> str: ...

    def select(self, batch: TokenBatch, key: RngKey, budget: Budget) -> BoolArray:
        """Return a mask, bool (B, L), that is False on special and padding tokens."""
        ...

    def to_config(self) -> Mapping[str, Any]: ...
    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self: ...


@runtime_checkable
class Curriculum(Protocol):
    """Says what holds at a step: a pure function of (state, step), total over all steps from 0."""

    @property
    def name(self) -> str: ...
    @property
    def strategies(self) -> tuple[str, ...]:
        """Every strategy that some spec may name, so that all are built before the first step.

        A name is a plugin's, or one that the user's settings or the curriculum configure: a curriculum with
        strategies of its own has a mapping ``configured`` from such names to configurations.
        """
        ...

    @property
    def probes(self) -> tuple[str, ...]:
        """Strategies under whose fixed mask validation perplexity is measured; `update` reads the figures.

        ``"current"`` means whatever holds at the time of the evaluation.
        """
        ...

    def initial_state(self) -> State:
        """Return the state before step 0."""
        ...

    def spec(self, state: State, step: int) -> MaskSpec:
        """Return what holds at an optimizer step."""
        ...

    def update(self, state: State, step: int, metrics: Metrics) -> State:
        """Return the state after an evaluation at `step`; the state given is left as it is."""
        ...

    def to_config(self) -> Mapping[str, Any]: ...
    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self: ...
