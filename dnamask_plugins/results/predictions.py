"""Predictions of one seed on the test rows, as a gzipped CSV that anyone can read and score again."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import InputError

_MAX_CLASSES = 4096


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a fine-tuned model said about every test row, in the order of the test file.

    Attributes
    ----------
    labels : int64 array, shape (n,)
    predictions : int64 array, shape (n,)
    scores : float32 array, shape (n, classes), or None
        Whatever the predictions were taken from (logits or probabilities).
    leaked : bool array, shape (n,), or None
        True for rows whose sequence also stands in the training data; None when this was not looked at.
    """

    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    scores: NDArray[np.float32] | None = None
    leaked: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.labels)
        if len(shape) != 1 or shape[0] == 0 or np.shape(self.predictions) != shape:
            raise InputError(
                f"labels of shape {shape} and predictions of shape {np.shape(self.predictions)} "
                "do not belong together; give one of each for every test row"
            )
        if self.leaked is not None and np.shape(self.leaked) != shape:
            raise InputError(f"{np.size(self.leaked)} leak flags for {shape[0]} test rows; give one for each")
        if self.scores is not None and (np.ndim(self.scores) != 2 or len(self.scores) != shape[0]):
            raise InputError(
                f"scores of shape {np.shape(self.scores)} for {shape[0]} rows; give (rows, classes)"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def without_leaks(self) -> Predictions:
        """Return only the rows that are not known from training."""
        if self.leaked is None:
            return self
        keep = ~self.leaked
        return Predictions(
            self.labels[keep], self.predictions[keep], None if self.scores is None else self.scores[keep]
        )

    @property
    def collapsed(self) -> bool:
        """True when every row got the same class although the labels hold several."""
        return np.unique(self.predictions).size == 1 and np.unique(self.labels).size > 1


def encode(predictions: Predictions) -> bytes:
    """Return the file content; the same predictions give the same bytes.

    Columns: ``label,prediction`` and, where they are known, ``leaked`` and ``score_0 ...``.
    """
    header = ["label", "prediction"]
    columns: list[list[str]] = [
        [str(int(value)) for value in predictions.labels],
        [str(int(value)) for value in predictions.predictions],
    ]
    if predictions.leaked is not None:
        header.append("leaked")
        columns.append([str(int(value)) for value in predictions.leaked])
    if predictions.scores is not None:
        scores = np.asarray(predictions.scores, dtype=np.float32)
        header += [f"score_{index}" for index in range(scores.shape[1])]
        columns += [[f"{value:.6g}" for value in column] for column in scores.T]
    text = "\n".join([",".join(header), *(",".join(row) for row in zip(*columns, strict=True))]) + "\n"
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as stream:
        stream.write(text.encode("ascii"))
    return buffer.getvalue()


def decode(content: bytes, where: str | os.PathLike[str]) -> Predictions:
    """Read back what `encode` wrote.

    Raises
    ------
    InputError
        The content is not such a file; the message names the file and the line.
    """
    try:
        text = gzip.decompress(content).decode("ascii")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{where}: not a gzipped CSV of predictions ({error}); run again") from None
    lines = text.splitlines()
    header = lines[0].split(",") if lines else []
    scores_from = 3 if header[2:3] == ["leaked"] else 2
    expected = ["label", "prediction", *header[2:scores_from]]
    expected += [f"score_{index}" for index in range(len(header) - scores_from)]
    if header != expected or len(header) > _MAX_CLASSES:
        raise InputError(f"{where}: line 1 is not 'label,prediction[,leaked][,score_0,...]'; run again")
    rows = [line.split(",") for line in lines[1:]]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{where}: line {number} has {len(row)} fields, not {len(header)}; run again")
    try:
        integers = np.array([row[:scores_from] for row in rows], dtype=str).astype(np.int64)
        scores = np.array([row[scores_from:] for row in rows], dtype=str).astype(np.float32)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{where}: a field is not a number ({error}); run again") from None
    if not rows or integers[:, :2].min() < 0:
        raise InputError(f"{where}: no rows, or a class below 0; run again")
    return Predictions(
        integers[:, 0],
        integers[:, 1],
        scores if scores.size else None,
        integers[:, 2].astype(bool) if scores_from == 3 else None,
    )


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
