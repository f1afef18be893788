"""Predictions of one seed on the test rows, as values and as a gzipped CSV that anyone can score again."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import InputError
from dnamask_plugins.files import gunzip
from dnamask_plugins.tasks.metrics import Kind

_MAX_COLUMNS: Final = 4096
_MAX_BYTES: Final = 64 * 1024 * 1024
"""Of the CSV: a test file of GUE has at most 2 MB of them, and what unpacks to gigabytes is no such file."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a fine-tuned model said about every test row, in the order of the test file.

    The kind of the task shows in the labels: whole numbers, shape (n,), are classes; floats are the values of
    a regression; 0 and 1 in shape (n, labels) are a multi-label task.

    Attributes
    ----------
    labels : int64 or float64 array, shape (n,), or int64 array, shape (n, labels)
    predictions : array of the same shape and kind
    scores : float32 array, shape (n, classes) or (n, labels), or None
        Whatever the predictions were taken from (logits or probabilities).
    leaked : bool array, shape (n,), or None
        True for rows whose sequence also occurs in the training data; None when this was not looked at.

    Raises
    ------
    InputError
        The arrays do not belong together, or hold what is no number.
    """

    labels: NDArray[Any]
    predictions: NDArray[Any]
    scores: NDArray[np.float32] | None = None
    leaked: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.labels)
        if len(shape) not in (1, 2) or 0 in shape or np.shape(self.predictions) != shape:
            raise InputError(
                f"labels of shape {shape} and predictions of shape {np.shape(self.predictions)} "
                "do not belong together; give one of each for every test row"
            )
        if self.leaked is not None and np.shape(self.leaked) != shape[:1]:
            raise InputError(f"{np.size(self.leaked)} leak flags for {shape[0]} test rows; give one for each")
        if self.scores is not None and (np.ndim(self.scores) != 2 or len(self.scores) != shape[0]):
            raise InputError(
                f"scores of shape {np.shape(self.scores)} for {shape[0]} rows; give (rows, classes)"
            )
        for name in ("labels", "predictions", "scores"):
            values = getattr(self, name)
            if values is not None and not np.isfinite(values).all():
                row = int(np.argwhere(~np.isfinite(values))[0][0])
                raise InputError(
                    f"{name}: row {row + 1} is not finite; the model diverged: lower the learning rate"
                )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def kind(self) -> Kind:
        """Kind of the task, as the labels show it."""
        if self.labels.ndim == 2:
            return "multi_label"
        return "regression" if np.issubdtype(self.labels.dtype, np.floating) else "classification"

    @functools.cached_property
    def encoded(self) -> bytes:
        """Content of the file (see `encode`); made once."""
        return encode(self)

    def take(self, rows: NDArray[Any]) -> Predictions:
        """Return some rows (numbers or a mask), without leak flags."""
        scores = None if self.scores is None else self.scores[rows]
        return Predictions(self.labels[rows], self.predictions[rows], scores)

    def without_leaks(self) -> Predictions:
        """Return only the rows that are not known from training."""
        return self if self.leaked is None else self.take(~self.leaked)

    @property
    def collapsed(self) -> bool:
        """True when every row got the same answer although the labels hold several."""
        answers, labels = (np.unique(each, axis=0) for each in (self.predictions, self.labels))
        return len(answers) == 1 and len(labels) > 1


def encode(predictions: Predictions) -> bytes:
    """Return the file content; the same predictions give the same bytes.

    Columns: ``label,prediction`` (``value,predicted`` of a regression; ``label_0 ...,prediction_0 ...`` of a
    multi-label task) and, where they are known, ``leaked`` and ``score_0 ...``.
    """
    columns: list[list[str]] = []
    for values in (predictions.labels, predictions.predictions):
        wide = values.reshape(len(values), -1).T
        written = "{!r}" if predictions.kind == "regression" else "{:d}"
        columns += [[written.format(value) for value in column.tolist()] for column in wide]
    if predictions.leaked is not None:
        columns.append([str(int(value)) for value in predictions.leaked])
    if predictions.scores is not None:
        scores = np.asarray(predictions.scores, dtype=np.float32)
        columns += [[f"{value:.6g}" for value in column] for column in scores.T]
    width = 0 if predictions.scores is None else predictions.scores.shape[1]
    labels = predictions.labels.shape[1] if predictions.kind == "multi_label" else 1
    header = _header(predictions.kind, labels, predictions.leaked is not None, width)
    text = "\n".join([",".join(header), *(",".join(row) for row in zip(*columns, strict=True))]) + "\n"
    if len(text) > _MAX_BYTES:
        raise InputError(
            f"predictions of {len(predictions)} rows take {len(text):,} bytes, more than {_MAX_BYTES:,}; "
            "use a smaller test file"
        )
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as stream:
        stream.write(text.encode("ascii"))
    return buffer.getvalue()


def decode(content: bytes, where: str | os.PathLike[str]) -> Predictions:
    """Read back what `encode` wrote.

    Raises
    ------
    InputError
        The content is not such a file, or unpacks to more than any; the message names the file and the line.
    """
    try:
        text = gunzip(content, _MAX_BYTES).decode("ascii")
    except ValueError as error:
        raise InputError(f"{where}: not a gzipped CSV of predictions ({error}); run again") from None
    lines = text.splitlines()
    header = lines[0].split(",") if lines else []
    kind, labels = _kind_of(header)
    leaked = header[2 * labels : 2 * labels + 1] == ["leaked"]
    first_score = 2 * labels + leaked
    if header != _header(kind, labels, leaked, len(header) - first_score) or len(header) > _MAX_COLUMNS:
        raise InputError(f"{where}: line 1 is not 'label,prediction[,leaked][,score_0,...]'; run again")
    rows = [line.split(",") for line in lines[1:]]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{where}: line {number} has {len(row)} fields, not {len(header)}; run again")
    if not rows:
        raise InputError(f"{where}: no rows; run again")
    number_type = np.float64 if kind == "regression" else np.int64
    try:
        answers = np.array([row[: 2 * labels] for row in rows], dtype=str).astype(number_type)
        flags = np.array([row[2 * labels : first_score] for row in rows], dtype=str).astype(np.int64)
        scores = np.array([row[first_score:] for row in rows], dtype=str).astype(np.float32)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{where}: a field is not a number ({error}); run again") from None
    if kind != "regression" and answers.min() < 0:
        raise InputError(f"{where}: a class below 0; run again")
    parts = [answers[:, :labels], answers[:, labels:]]
    if kind != "multi_label":
        parts = [part[:, 0] for part in parts]
    marked = flags[:, 0].astype(bool) if leaked else None
    try:
        read = Predictions(parts[0], parts[1], scores if scores.size else None, marked)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    # What was read is what would be written; a cached property of a frozen class is set where it is kept.
    read.__dict__["encoded"] = content
    return read


def _header(kind: Kind, labels: int, leaked: bool, scores: int) -> list[str]:
    names = {"classification": ("label", "prediction"), "regression": ("value", "predicted")}.get(kind)
    if names is not None:
        header = list(names)
    else:
        header = [f"{name}_{number}" for name in ("label", "prediction") for number in range(labels)]
    return [*header, *(["leaked"] if leaked else []), *(f"score_{number}" for number in range(scores))]


def _kind_of(header: list[str]) -> tuple[Kind, int]:
    if header[:1] == ["value"]:
        return "regression", 1
    wide = sum(re.fullmatch(r"label_\d+", name) is not None for name in header)
    return ("multi_label", wide) if wide else ("classification", 1)


def sha256_of(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def load(path: Path) -> Predictions:
    """Read a file of predictions.

    Raises
    ------
    InputError
        The file is missing or is not such a file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); is it beside its record?") from None
    return decode(content, path)
