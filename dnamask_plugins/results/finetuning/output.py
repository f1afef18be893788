"""The files of a fine-tuning, read for its report."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import InputError
from dnamask_plugins.files import parse_json

Kind = Literal["classification", "regression", "multi_label"]

SUMMARY_FILE: Final = "finetune.json"
HISTORY_FILE: Final = "history.jsonl"
PREDICTIONS_FILE: Final = "predictions.tsv"
_PROBABILITY: Final = "probability_"
_KINDS: Final[Mapping[str, Kind]] = {
    "single_label_classification": "classification",
    "regression": "regression",
    "multi_label_classification": "multi_label",
}

csv.field_size_limit(1 << 28)


@dataclass(frozen=True, eq=False)
class FinetuneOutput:
    """A fine-tuning and its answers on the test rows.

    Attributes
    ----------
    summary : mapping
        ``finetune.json``.
    kind : {"classification", "regression", "multi_label"}
    classes : tuple of str
        Names of the classes or labels; empty for regression.
    history : sequence of mapping
        What was logged, with ``seed`` and ``step``.
    names, sequences : tuple of str
        Of the n test rows.
    truth : array
        int64 (n,) class numbers; int64 (n, C) zeros and ones for many labels; float64 (n,) numbers.
    answers : float64 array
        Probabilities (n, C), or the numbers of a regression (n,).
    """

    summary: Mapping[str, Any]
    kind: Kind
    classes: tuple[str, ...]
    history: Sequence[Mapping[str, Any]]
    names: tuple[str, ...]
    sequences: tuple[str, ...]
    truth: NDArray[Any]
    answers: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Class numbers, shape (n,), or zeros and ones, shape (n, C)."""
        if self.kind == "multi_label":
            return (self.answers >= 0.5).astype(np.int64)
        return np.asarray(self.answers.argmax(axis=1), dtype=np.int64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each row was answered right, in all labels; shape (n,). Not for regression."""
        same = self.predicted == self.truth
        return np.asarray(same.all(axis=1) if self.kind == "multi_label" else same)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Nucleotides in each row."""
        return np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)

    @property
    def gc(self) -> NDArray[np.float64]:
        """Share of G and C among the A, C, G, T of each row; NaN where there is none."""
        counts = [[sequence.count(letter) for letter in "ACGT"] for sequence in self.sequences]
        letters = np.array(counts, dtype=np.float64).reshape(-1, 4)
        with np.errstate(invalid="ignore"):
            return np.asarray(letters[:, 1:3].sum(axis=1) / letters.sum(axis=1))


def read_output(folder: Path) -> FinetuneOutput:
    """Read the output folder of ``dnamask finetune``.

    Raises
    ------
    InputError
        The folder is none, or the fine-tuning is not finished.
    """
    summary = _json(folder / SUMMARY_FILE)
    if summary.get("status") != "done":
        raise InputError(f"{folder}: the fine-tuning is not finished; run the same command again")
    config = _json(folder / "model" / "config.json")
    kind = _KINDS.get(str(config.get("problem_type")), "classification")
    header, rows = _rows(folder / PREDICTIONS_FILE)
    classes = tuple(name.removeprefix(_PROBABILITY) for name in header if name.startswith(_PROBABILITY))
    sequences = tuple(row["sequence"].upper() + row.get("sequence2", "").upper() for row in rows)
    names = tuple(f"{row['file']}, row {row['row']}" for row in rows)
    truth, answers = _answers(rows, kind, classes, folder / PREDICTIONS_FILE)
    history_path = folder / HISTORY_FILE
    lines = history_path.read_text(encoding="utf-8").splitlines() if history_path.is_file() else []
    history = [parse_json(line) for line in lines]
    return FinetuneOutput(summary, kind, classes, history, names, sequences, truth, answers)


def _answers(
    rows: Sequence[Mapping[str, str]], kind: Kind, classes: Sequence[str], path: Path
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    try:
        if kind == "regression":
            truth: NDArray[Any] = np.array([float(row["label"]) for row in rows])
            return truth, np.array([float(row["prediction"]) for row in rows])
        columns = [[float(row[_PROBABILITY + name]) for name in classes] for row in rows]
        probabilities = np.array(columns, dtype=np.float64).reshape(len(rows), -1)
        if kind == "multi_label":
            flags = [[int(flag) for flag in row["label"].split()] for row in rows]
            return np.array(flags, dtype=np.int64), probabilities
        numbers = {name: number for number, name in enumerate(classes)}
        return np.array([numbers[row["label"]] for row in rows], dtype=np.int64), probabilities
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: is no table of predictions ({error!r}); run finetune again") from None


def _json(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read ({reason}); give the output of dnamask finetune") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: is no JSON object; run finetune again")
    return content


def _rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            rows = list(reader)
            header = list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error}); run finetune again") from None
    if not rows:
        raise InputError(f"{path}: holds no predictions; run finetune again")
    return header, rows
