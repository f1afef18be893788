"""One call for every floor: rows of a task in, class scores of its test rows out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.harness.trial_rows import TrialRows
from dnamask_plugins.tasks.data import LabelledData

Progress = Callable[[int, int], None]

BASELINES: Final[Mapping[str, str]] = {
    "kmers": "dnamask_plugins.harness.baselines.kmers",
    "onehot": "dnamask_plugins.harness.baselines.onehot",
    "cnn": "dnamask_plugins.harness.baselines.cnn",
}
"""Modules by name; each holds TITLE, VARIES (whether its figures depend on the seed), SETTINGS and fit()."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a floor gave.

    Attributes
    ----------
    scores : float32 array, shape (test rows, classes)
        As `answers` takes them.
    dev : mapping of str to float
        Figures on dev of the settings that were chosen.
    settings : mapping
        Those settings, as plain JSON.
    parameters : int
    select_by : str
        What chose, for the record.
    """

    scores: NDArray[np.float32]
    dev: Mapping[str, float]
    settings: Mapping[str, Any]
    parameters: int
    select_by: str


def module_of(name: str) -> Any:
    """Return the module of a floor."""
    return importlib.import_module(BASELINES[name])


def fit_baseline(
    name: str, rows: TrialRows[LabelledData], seed: int, progress: Progress | None = None
) -> Fitted:
    """Fit a floor on train, choose its settings on dev, and score the test rows.

    Parameters
    ----------
    name : str
        One of `BASELINES`.
    rows : TrialRows of LabelledData
        Without dev, cross-validation within train chooses the settings.
    seed : int
    progress : callable, optional
        Called with the steps done and all steps.

    Returns
    -------
    Fitted
    """
    fitted: Fitted = module_of(name).fit(rows, seed, progress)
    return fitted
