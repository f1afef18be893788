"""The `evaluate` module ``dna_classification``: MCC, macro-F1 and accuracy of integer predictions."""

import datasets
import evaluate
import numpy as np

from dnamask_plugins.results.resampling import METRICS, confusion, metric_of

_DESCRIPTION = """
Matthews correlation (Gorodkin's form for more than two classes; 0 when all predictions are one class),
macro-averaged F1 over the classes that occur as label or prediction, and accuracy.
"""
_CITATION = (
    "Zhou et al., DNABERT-2: efficient foundation model and benchmark for multi-species genomes, ICLR 2024"
)
_INPUTS = """
predictions: list of int; references: list of int; classes: number of classes (default: the largest label + 1)
"""


class DnaClassification(evaluate.Metric):
    """What GUE and the few-shot tasks are scored by."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features(
                {"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}
            ),
        )

    def _compute(self, predictions, references, classes=None):  # type: ignore[no-untyped-def]
        labels, guesses = np.asarray(references), np.asarray(predictions)
        size = classes or int(max(labels.max(), guesses.max())) + 1
        matrix = confusion(labels, guesses, size)
        return {name: float(metric_of(name, matrix)) for name in METRICS}
