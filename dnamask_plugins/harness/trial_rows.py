"""What a trial learns from, chooses by and is tested on: as sequences for a floor, as tokens for a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Data = TypeVar("Data")


@dataclass(frozen=True, eq=False)
class TrialRows(Generic[Data]):
    """The splits of a task, and how it is scored.

    Attributes
    ----------
    train, test : LabelledData or EncodedData
    dev : LabelledData, EncodedData or None
        Chooses the settings or the checkpoint, where there is one.
    classes : int
    metric : str
        By which dev chooses where figures decide.
    """

    train: Data
    dev: Data | None
    test: Data
    classes: int
    metric: str
