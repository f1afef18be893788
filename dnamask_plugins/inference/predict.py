"""Predictions for a file of sequences, streamed into a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.inference.classifying import Classifier, Prediction
from dnamask_plugins.inference.job import Collector, OpenModel, Reading, open_parts
from dnamask_plugins.inference.outputs import TABLES, check_suffix, write_table, write_tsv
from dnamask_plugins.inference.pairs import PairAnswers
from dnamask_plugins.models.loading import ModelDescription, load_classifier
from dnamask_plugins.models.source import find_source

if TYPE_CHECKING:
    import pyarrow as pa

_AT_ONCE: Final = 256
"""Rows that are written together where the output is a pipe."""


@dataclass(frozen=True)
class PredictSummary:
    """What was predicted.

    Attributes
    ----------
    rows : int
    too_short : int
        Rows without a prediction, as the sequence gives no token.
    counts : dict of str to int
        Rows of each predicted class; empty for regression.
    resumed_at : int
        Windows (of pairs, rows) that an earlier command had done.
    reading : Reading
        With the window and stride that were used; pairs are not cut into windows.
    cut : int
        Pairs that this command cut, as they are longer than the model reads.
    """

    rows: int
    too_short: int
    counts: dict[str, int]
    resumed_at: int
    reading: Reading
    cut: int = 0


def open_classifier(reference: str) -> tuple[OpenModel, Classifier]:
    """Load a model that was fine-tuned.

    Raises
    ------
    ConfigError
        Its head was never trained.
    """
    settings = find_source(reference).settings
    labels = settings.get("id2label") or {}
    outputs = len(labels) or int(settings.get("num_labels", 2))

    def load(model: Any, tokenizer: Any) -> tuple[Any, ModelDescription]:
        return load_classifier(model, tokenizer, outputs, head="kept")

    try:
        model = OpenModel.load(reference, load)
    except InputError as error:
        if "head to keep" not in str(error):
            raise
        raise ConfigError(
            f"{reference}: has no trained head for predictions; fine-tune it first: "
            "dnamask finetune DATA --model MODEL -o OUT, then give OUT/model"
        ) from None
    return model, Classifier(model.model, model.tokenizer, model.limit)


def predict_file(
    reference: str,
    reading: Reading,
    output: Path | IO[bytes],
    both_strands: bool = False,
    each_window: bool = False,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> PredictSummary:
    """Predict every sequence of a file.

    Parameters
    ----------
    reference : str
        Folder of a fine-tuned model, or owner/name on the hub.
    reading : Reading
    output : Path or binary stream
        ``.tsv`` or ``.parquet``: ``name``; ``label`` where the input has labels; ``start`` and ``stop`` for
        windows; ``prediction``; ``probability_CLASS`` for each class. A stream gets TSV, and is not
        resumable.
    both_strands, each_window
        See `Classifier`.
    overwrite : bool
        Replace an output that is there.
    progress : callable, optional
        Called with the number of nucleotides that went through the model since its last call.
    """
    if isinstance(output, Path):
        check_suffix(output, TABLES)
    model, classifier = open_classifier(reference)
    classifier = Classifier(model.model, model.tokenizer, model.limit, both_strands, each_window)
    if classifier.reads_pairs:
        _refuse_windows(reference, reading, each_window)
    else:
        reading = reading.fitted(model)
    asked = _Asked(classifier, reading, progress)
    if not isinstance(output, Path):
        counter = _Counter(classifier)
        write_tsv(_tables(counter.watch(asked(0)), classifier), output)
        return counter.summary(0, reading, asked.cut)
    settings = {"both strands": both_strands, "each window": each_window}
    with open_parts(output, model, reading, settings, overwrite) as parts:
        resumed_at = parts.done
        collector = Collector(parts, lambda rows: _table(rows, classifier, True))
        for prediction in asked(parts.done):
            collector.add(prediction, prediction.done)
        collector.flush()
        counter = _Counter(classifier)
        for table in parts.tables():
            counter.add(table.column("prediction").to_pylist())
        labelled = any(any(table.column("label").to_pylist()) for table in parts.tables())
        write_table(parts, leave_out=() if labelled else ("label",))
        return counter.summary(resumed_at, reading, asked.cut)


def _refuse_windows(reference: str, reading: Reading, each_window: bool) -> None:
    if reading.window or reading.stride or each_window:
        raise ConfigError(
            f"{reference}: was fine-tuned on pairs, which are not cut into windows; leave out --window, "
            "--stride and --each-window"
        )


class _Asked:
    """The predictions of a file, without the first few; pairs where the model reads pairs."""

    def __init__(
        self, classifier: Classifier, reading: Reading, progress: Callable[[int], None] | None
    ) -> None:
        self._classifier, self._reading, self._progress = classifier, reading, progress
        self._pairs = PairAnswers(classifier) if classifier.reads_pairs else None

    def __call__(self, skip: int) -> Iterator[Prediction]:
        if self._pairs is None:
            return self._classifier(self._reading.windows(skip), self._progress)
        return self._pairs(
            (piece for piece in self._reading.pieces() if piece.record >= skip), self._progress
        )

    @property
    def cut(self) -> int:
        """Pairs that were cut."""
        return 0 if self._pairs is None else self._pairs.cut


class _Counter:
    """Counts what was predicted."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._rows = self._too_short = 0
        names = classifier.classes if classifier.kind != "regression" else ()
        self._counts = dict.fromkeys(names, 0)

    def add(self, predictions: list[Any]) -> None:
        """Count some predictions."""
        self._rows += len(predictions)
        for prediction in predictions:
            if prediction is None or prediction != prediction:
                self._too_short += 1
            elif self._counts:
                for name in [prediction] if prediction in self._counts else prediction.split(","):
                    if name in self._counts:
                        self._counts[name] += 1

    def watch(self, predictions: Iterator[Prediction]) -> Iterator[Prediction]:
        """Count predictions as they pass."""
        for prediction in predictions:
            self.add([self._classifier.chosen(prediction.values)])
            yield prediction

    def summary(self, resumed_at: int, reading: Reading, cut: int) -> PredictSummary:
        """Return what was counted."""
        return PredictSummary(self._rows, self._too_short, self._counts, resumed_at, reading, cut)


def _tables(predictions: Iterator[Prediction], classifier: Classifier) -> Iterator[pa.Table]:
    rows: list[Prediction] = []
    labelled: bool | None = None
    for prediction in predictions:
        rows.append(prediction)
        if len(rows) == _AT_ONCE:
            labelled = bool(rows[0].label) if labelled is None else labelled
            yield _table(rows, classifier, labelled)
            rows = []
    if rows:
        yield _table(rows, classifier, bool(rows[0].label) if labelled is None else labelled)


def _table(rows: list[Prediction], classifier: Classifier, labelled: bool) -> pa.Table:
    columns: dict[str, Any] = {"name": pa.array([row.name for row in rows], pa.string())}
    if labelled:
        columns["label"] = pa.array([row.label for row in rows], pa.string())
    if classifier.each_window:
        columns["start"] = pa.array([row.start for row in rows], pa.int64())
        columns["stop"] = pa.array([row.stop for row in rows], pa.int64())
    regression = classifier.kind == "regression"
    kind = pa.float64() if regression else pa.string()
    columns["prediction"] = pa.array([classifier.chosen(row.values) for row in rows], kind)
    if not regression:
        values = np.stack([row.values for row in rows])
        columns |= {
            f"probability_{name}": pa.array(values[:, place]) for place, name in enumerate(classifier.classes)
        }
    return pa.table(columns)
