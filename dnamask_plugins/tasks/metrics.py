"""Kinds of tasks and the metrics they are scored by: names, titles, and what they are called elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

Kind = Literal["classification", "regression", "multi_label"]
"""One class of several, a number, or any subset of labels for each row."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True)
class Metric:
    """One metric; all are higher for better models and are shown x 100.

    Attributes
    ----------
    name : str
        In task files and records.
    title : str
        In tables.
    kind : Kind
        Tasks it belongs to.
    hub : str
        Its name in the metadata of the Hugging Face hub.
    lowest : float or None
        Smallest possible value; None where there is none. The largest is 1.
    """

    name: str
    title: str
    kind: Kind
    hub: str
    lowest: float | None


_KNOWN: Final = (
    Metric("mcc", "MCC", "classification", "matthews_correlation", -1),
    Metric("f1_macro", "macro-F1", "classification", "f1", 0),
    Metric("accuracy", "accuracy", "classification", "accuracy", 0),
    Metric("pearson", "Pearson r", "regression", "pearsonr", -1),
    Metric("spearman", "Spearman rho", "regression", "spearmanr", -1),
    Metric("r2", "R2", "regression", "r_squared", None),
    Metric("auroc", "AUROC", "multi_label", "roc_auc", 0),
    Metric("auprc", "AUPRC", "multi_label", "average_precision", 0),
)
METRICS: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _KNOWN}


def metrics_of(kind: Kind) -> tuple[str, ...]:
    """Return the names of the metrics of a kind of task, the usual one first.

    Examples
    --------
    >>> metrics_of("classification")
    ('mcc', 'f1_macro', 'accuracy')
    """
    return tuple(metric.name for metric in _KNOWN if metric.kind == kind)


def shown(value: float | None, digits: int = 2) -> str:
    """Write a score as every table does: x 100.

    Examples
    --------
    >>> shown(0.7102), shown(None)
    ('71.02', '-')
    """
    return "-" if value is None else f"{value * 100:.{digits}f}"
