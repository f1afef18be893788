"""Floors: what a task gives to methods that know nothing but its training rows.

A score of a pretrained model means little without these beside it: counts of k-mers, letters by their
place, and a small convolutional network. They are rows of the harness like any other, with the same splits,
seeds, records and statistics.
"""

from dnamask_plugins.harness.baselines.fit import BASELINES, Fitted, fit_baseline
from dnamask_plugins.harness.baselines.source import PREFIX, BaselineSource, is_baseline

__all__ = ["BASELINES", "PREFIX", "BaselineSource", "Fitted", "fit_baseline", "is_baseline"]
