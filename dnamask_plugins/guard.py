"""The one way to call a plugin: what it returns is checked, and whoever is at fault is named.

Strategies are called with `guarded_select`, tokenizers with `guarded_encode`; a curriculum is called by the
`Schedule` that holds its state, with `blaming`. Only the conformance kit calls plugins directly.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.budget import Budget
from dnamask_plugins.compiled import njit
from dnamask_plugins.errors import DnamaskError, PluginError
from dnamask_plugins.plugins import SINGULAR, discover
from dnamask_plugins.plugins.time_limit import Expired, time_limit
from dnamask_plugins.protocols import DNATokenizer, MaskingStrategy
from dnamask_plugins.rng import RngKey
from dnamask_plugins.types import BoolArray, NucleotideBatch, TokenBatch

PATIENCE_SECONDS: Final = 120.0
"""A call that takes longer hangs; the slowest built-in needs milliseconds."""


_TOO_LONG: Final = "did not return within {:g} s"
_CALLS: Final[dict[int, tuple[str, Any, object] | None]] = {}
"""Which plugin each thread is calling, and where."""


@dataclass(frozen=True, eq=False)
class MaskedAt:
    """Where a batch was masked, worded only when a message needs it."""

    step: int
    example_ids: NDArray[np.int64]

    def __str__(self) -> str:
        if not self.example_ids.size:
            return f"at step {self.step}"
        return f"at step {self.step}, example ids {self.example_ids.min()}..{self.example_ids.max()}"


def guarded_select(
    strategy: MaskingStrategy, batch: TokenBatch, key: RngKey, budget: Budget, where: object = ""
) -> BoolArray:
    """Select with a strategy and check what comes back.

    Parameters
    ----------
    strategy : MaskingStrategy
    batch : TokenBatch of B examples
    key : RngKey of B examples
    budget : Budget
    where : str, or what prints as one
        Step and examples, for the message.

    Raises
    ------
    PluginError
        The strategy raises, hangs, returns something else than a bool array of shape (B, L), or selects a
        special or padding token; names the strategy, its distribution and version, and `where`.
    """
    with blaming("strategies", strategy, where):
        mask = strategy.select(batch, key, budget)
    shape = batch.shape
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != shape:
        got = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise blame("strategies", strategy, f"returned {got} instead of a bool array {shape}", where)
    whole, rows = batch.origin
    if _selects_special(np.asarray(mask), np.asarray(whole.special_tokens_mask, dtype=np.bool_), rows):
        raise blame("strategies", strategy, "selected special or padding tokens", where)
    return mask


@njit(cache=True, nogil=True)
def _selects_special(mask, special, rows):  # type: ignore[no-untyped-def]
    """Say whether a mask of some rows selects special tokens; the rows are read where they are."""
    found = False
    for row in range(mask.shape[0]):
        selected, forbidden = mask[row], special[rows[row]]
        for column in range(mask.shape[1]):
            found |= selected[column] & forbidden[column]
    return found


def guarded_encode(
    tokenizer: DNATokenizer, sequences: NucleotideBatch, repeat_weight: float = 1.0, where: str = ""
) -> TokenBatch:
    """Tokenize sequences, check what comes back, and weigh soft-masked nucleotides.

    Parameters
    ----------
    tokenizer : DNATokenizer
    sequences : NucleotideBatch of B sequences
    repeat_weight : float
        Weight of lower-case letters, 0 to 1.
    where : str
        Step and examples, for the message.

    Raises
    ------
    PluginError
        The tokenizer raises, hangs, or returns no batch of these sequences.
    """
    with blaming("tokenizers", tokenizer, where):
        batch = tokenizer.encode_batch(sequences)
    if not isinstance(batch, TokenBatch) or batch.input_ids.shape[:1] != sequences.codes.shape[:1]:
        got = f"{len(batch)} rows" if isinstance(batch, TokenBatch) else type(batch).__name__
        fault = f"returned {got} instead of a batch of {len(sequences.codes)} rows"
        raise blame("tokenizers", tokenizer, fault, where)
    if repeat_weight == 1.0:
        return batch
    weights = np.where(sequences.soft_mask, np.float32(repeat_weight), np.float32(1.0))
    return batch.with_weights(weights)


class blaming:
    """Context manager that names the plugin when its block raises or hangs; errors of ours pass.

    A class and not a generator: it is entered for every batch, and this costs a third.

    Parameters
    ----------
    kind : str
    plugin : object
    where : object
        See `guarded_select`.

    Raises
    ------
    PluginError
        The block raised something else, or took longer than `PATIENCE_SECONDS`.
    """

    __slots__ = ("_before", "_limit", "_thread", "call")

    def __init__(self, kind: str, plugin: Any, where: object) -> None:
        self.call = kind, plugin, where

    def __enter__(self) -> None:
        self._thread = threading.get_ident()
        self._before, _CALLS[self._thread] = _CALLS.get(self._thread), self.call
        self._limit = time_limit(PATIENCE_SECONDS)
        self._limit.__enter__()

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> None:
        self._limit.__exit__()
        _CALLS[self._thread] = self._before
        kind, plugin, where = self.call
        if isinstance(error, Expired):
            raise blame(kind, plugin, _TOO_LONG.format(PATIENCE_SECONDS), where) from None
        if isinstance(error, Exception) and not isinstance(error, DnamaskError):
            raise blame(kind, plugin, f"raised {type(error).__name__}: {error}", where) from error


def overdue(thread: threading.Thread, where: object) -> DnamaskError:
    """Word that a thread did not finish in time, where no alarm ends it: names the plugin that it calls."""
    call = _CALLS.get(thread.ident or 0)
    if call is None:
        return DnamaskError(f"masking took over {PATIENCE_SECONDS:g} s {where}; run the same command again")
    kind, plugin, _ = call
    return blame(kind, plugin, _TOO_LONG.format(PATIENCE_SECONDS), where)


def blame(kind: str, plugin: Any, fault: str, where: object) -> PluginError:
    """Word what a plugin did and when: its name, its distribution and version, and what to do."""
    name = getattr(plugin, "name", type(plugin).__name__)
    providers = discover(kind).get(name, ())
    origin = providers[0].origin if providers else f"module {type(plugin).__module__}"
    short, place = " ".join(fault.split())[:160], f" {where}" if str(where) else ""
    return PluginError(
        f"{SINGULAR[kind]} '{name}' of {origin} {short}{place}; "
        f"run 'dnamask check {name}' and tell its author, or choose another {SINGULAR[kind]}"
    )
