"""A plugin's mask is checked before a model learns from it; whoever is at fault is named."""

from __future__ import annotations

from typing import Final

import numpy as np

from dnamask_plugins.budget import Budget
from dnamask_plugins.errors import DnamaskError, PluginError
from dnamask_plugins.plugins import discover
from dnamask_plugins.plugins.time_limit import Expired, time_limit
from dnamask_plugins.protocols import MaskingStrategy
from dnamask_plugins.rng import RngKey
from dnamask_plugins.types import BoolArray, TokenBatch

PATIENCE_SECONDS: Final = 120.0
"""A selection that takes longer hangs; the slowest built-in needs less than a millisecond."""


def guarded_select(
    strategy: MaskingStrategy, batch: TokenBatch, key: RngKey, budget: Budget, where: str
) -> BoolArray:
    """Select with a strategy and check what comes back.

    Parameters
    ----------
    strategy : MaskingStrategy
    batch : TokenBatch of B examples
    key : RngKey of B examples
    budget : Budget
    where : str
        Step and examples, for the message.

    Raises
    ------
    PluginError
        The strategy raises, hangs, returns something else than a bool array of shape (B, L), or selects a
        special or padding token; names the strategy, its distribution and version, and `where`.
    """
    try:
        with time_limit(PATIENCE_SECONDS):
            mask = strategy.select(batch, key, budget)
    except DnamaskError:
        raise
    except Expired:
        raise _blame(strategy, f"did not return within {PATIENCE_SECONDS:g} s", where) from None
    except Exception as error:
        raise _blame(strategy, f"raised {type(error).__name__}: {error}", where) from error
    shape = batch.input_ids.shape
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != shape:
        got = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise _blame(strategy, f"returned {got} instead of a bool array {shape}", where)
    if (mask & batch.special_tokens_mask).any():
        raise _blame(strategy, "selected special or padding tokens", where)
    return mask


def _blame(strategy: MaskingStrategy, fault: str, where: str) -> PluginError:
    name = getattr(strategy, "name", type(strategy).__name__)
    providers = discover("strategies").get(name, ())
    origin = providers[0].origin if providers else f"module {type(strategy).__module__}"
    return PluginError(
        f"strategy '{name}' of {origin} {fault} {where}; "
        f"run 'dnamask check {name}' and tell its author, or choose another strategy"
    )
