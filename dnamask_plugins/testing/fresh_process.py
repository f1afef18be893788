"""Running a plugin in a new interpreter, as a data-loader worker would."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import Any

from dnamask_plugins.budget import Budget
from dnamask_plugins.rng import RngKey
from dnamask_plugins.testing.core import CheckFailure
from dnamask_plugins.types import BoolArray, TokenBatch

_PROGRAM = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
function, arguments = pickle.load(sys.stdin.buffer)
result = function(*arguments)
sys.stdout.buffer.write(pickle.dumps(result))
"""


def call_in_fresh_process(function: Any, *arguments: Any) -> Any:
    """Call a module-level function in a new interpreter that has another hash seed.

    Raises
    ------
    CheckFailure
        It failed there.
    """
    payload = pickle.dumps(sys.path) + pickle.dumps((function, arguments))
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=payload,
        capture_output=True,
        env=os.environ | {"PYTHONHASHSEED": "12345"},
        check=False,
    )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise CheckFailure(
            "a result from a new Python process", " ".join(last) or "no answer", "a worker's start"
        )
    # Both ends are this very process and its child: nothing foreign is unpickled.
    return pickle.loads(done.stdout)


def _select(strategy: Any, batch: TokenBatch, key: RngKey, budget: Budget) -> BoolArray:
    mask: BoolArray = strategy.select(batch, key, budget)
    return mask


def select_in_fresh_process(strategy: Any, batch: TokenBatch, key: RngKey, budget: Budget) -> BoolArray:
    """Select in a new interpreter."""
    mask: BoolArray = call_in_fresh_process(_select, strategy, batch, key, budget)
    return mask
