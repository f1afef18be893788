"""The random state that is global to a process: looked at, and kept out of the way."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from dnamask_plugins.testing.core import require


def snapshot() -> dict[str, Any]:
    """Return the state of every global generator that is loaded, in comparable form."""
    _, words, position, has_gauss, gauss = np.random.get_state()
    state: dict[str, Any] = {
        "random": random.getstate(),
        "numpy.random": (np.asarray(words).tobytes(), position, has_gauss, gauss),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch"] = torch.get_rng_state().numpy().tobytes()
    return state


@contextlib.contextmanager
def no_global_draw(example: str) -> Iterator[None]:
    """Run a block from a fixed global state, and require that it draws no global random number.

    Parameters
    ----------
    example : str
        What the author of a plugin can look at.
    """
    with fixed_global_state():
        before = snapshot()
        yield
        after = snapshot()
    moved = [name for name in before if before[name] != after.get(name)]
    require(
        not moved,
        expected="global generators as they were",
        came=f"draws from {', '.join(moved)}",
        example=example,
    )


@contextlib.contextmanager
def fixed_global_state(seed: int = 0) -> Iterator[None]:
    """Run a block from a fixed global state, and put back afterwards what was there.

    A plugin that draws from a global generator then fails the one check that looks for this, and not
    every other check at random.
    """
    before, before_numpy = random.getstate(), np.random.get_state()
    torch = sys.modules.get("torch")
    before_torch = None if torch is None else torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    if torch is not None:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(before_numpy)
        if torch is not None and before_torch is not None:
            torch.set_rng_state(before_torch)
