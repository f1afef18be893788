"""What predict, embed and score have in common: a model, a stream of windows, and results in parts."""

from __future__ import annotations

import contextlib
import hashlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins.config import canonical_json
from dnamask_plugins.errors import InputError
from dnamask_plugins.harness.model_source import ModelSource
from dnamask_plugins.inference.parts import OutputParts
from dnamask_plugins.inference.sequences import STANDARD_INPUT, ColumnNames, Piece, read_pieces
from dnamask_plugins.inference.windows import USUAL_TOKENS, Window, cut, nucleotides_of
from dnamask_plugins.locks import locked_file
from dnamask_plugins.models.forward import best_device, precision
from dnamask_plugins.models.loading import ModelDescription
from dnamask_plugins.models.source import read_json

if TYPE_CHECKING:
    import pyarrow as pa

_SECONDS: Final = 20.0
"""At most so much work is done again by a command that was killed."""

_ROWS: Final = 8_192


class InferenceWarning(UserWarning):
    """Something about the input that does not stop the command."""


@dataclass(frozen=True)
class Reading:
    """Which sequences are read, and in which windows.

    Attributes
    ----------
    path : str
        File, or ``-`` for standard input.
    columns : ColumnNames
    window, stride : int or None
        Nucleotides in a window and from one to the next; by default as many as the model was
        pretrained on or takes, without overlap.
    """

    path: str
    columns: ColumnNames = field(default_factory=ColumnNames)
    window: int | None = None
    stride: int | None = None

    def fitted(self, model: OpenModel, overlap: float = 0.0) -> Reading:
        """Return the reading with the window and stride that hold for a model.

        Parameters
        ----------
        model : OpenModel
        overlap : float
            Share of a window that the next one sees again, where no stride is given.
        """
        fits = nucleotides_of(model.tokenizer, model.limit or USUAL_TOKENS)
        # Beyond the length that it was trained on, a model may know nothing (rotary positions).
        window = self.window or min(fits, model.trained_window or fits)
        if model.limit is not None and window > fits:
            warnings.warn(
                f"windows of {window} nucleotides may give more tokens than the model takes ({model.limit}); "
                f"those that do are halved; --window {fits} avoids it",
                InferenceWarning,
                stacklevel=2,
            )
        stride = self.stride or max(1, round(window * (1 - overlap)))
        return Reading(self.path, self.columns, window, stride)

    def __str__(self) -> str:
        if self.window is None:
            return "pairs, not cut into windows"
        return f"windows of {self.window:,} nucleotides every {self.stride:,}"

    def windows(self, skip: int = 0) -> Iterator[Window]:
        """Yield the windows, without the first few."""
        assert self.window is not None
        assert self.stride is not None
        cut_up = cut(self._single_sequences(), self.window, self.stride)
        return (window for window in cut_up if window.number >= skip)

    def pieces(self) -> Iterator[Piece]:
        """Yield what is read, not cut into windows."""
        return read_pieces(self.path, self.columns)

    def _single_sequences(self) -> Iterator[Piece]:
        for piece in self.pieces():
            if piece.partner:
                raise InputError(
                    f"{self.path}: holds pairs of sequences, and one a row is read here; "
                    "name it with --sequence-column"
                )
            yield piece

    def count(self) -> int | None:
        """Count the nucleotides that there are to read; None for a pipe, which can be read only once."""
        if file_identity(self.path) is None:
            return None
        return sum(len(each.letters) + len(each.partner) for each in self.pieces())

    def identity(self) -> dict[str, Any]:
        """Return what decides the windows; plain JSON."""
        return asdict(self) | {"file": file_identity(self.path)}


@dataclass(frozen=True, eq=False)
class OpenModel:
    """A model that is ready to answer.

    Attributes
    ----------
    source : ModelSource
    model : PreTrainedModel
        In evaluation mode, on the best device.
    description : ModelDescription
    """

    source: ModelSource
    model: Any
    description: ModelDescription

    @classmethod
    def load(cls, reference: str, loader: Callable[..., tuple[Any, ModelDescription]]) -> OpenModel:
        """Find a model and load it with one of the functions of `models.loading`."""
        source = ModelSource.find(reference)
        model, description = loader(source.folder, source.tokenizer)
        return cls(source, model.eval().to(best_device()), description)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer beside the model."""
        return self.source.tokenizer

    @property
    def limit(self) -> int | None:
        """Longest row in tokens, None where nothing limits it."""
        return self.description.max_positions

    @property
    def trained_window(self) -> int | None:
        """Nucleotides in the longest windows of its pretraining, None where no ``run.json`` says so."""
        path = self.source.folder / "run.json"
        settings = read_json(path).get("settings", {}) if path.is_file() else {}
        length = settings.get("windows", {}).get("full_length")
        return length if isinstance(length, int) and length > 0 else None


def file_identity(path: str | Path) -> list[Any] | None:
    """Return name, size and time of a file, None for a pipe: enough to notice that it is another one."""
    file = Path(path)
    if str(path) == STANDARD_INPUT or not file.is_file():
        return None
    facts = file.stat()
    return [file.name, facts.st_size, facts.st_mtime_ns]


@contextlib.contextmanager
def open_parts(
    output: Path, model: OpenModel, reading: Reading, settings: Mapping[str, Any], overwrite: bool
) -> Iterator[OutputParts]:
    """Find the parts of an output that are there already, or begin with none; nobody else writes meanwhile.

    What came through a pipe cannot be recognised, so that it is always begun anew.
    """
    identity = {
        "model": model.source.weights_sha256,
        "tokenizer": _fingerprint(model.tokenizer),
        "precision": precision(),
        **{f"input {key}": value for key, value in reading.identity().items()},
        **settings,
    }
    with locked_file(output):
        parts = OutputParts(output, identity, overwrite)
        if reading.identity()["file"] is None:
            parts.forget()
        yield parts


def _fingerprint(tokenizer: Any) -> str:
    if hasattr(tokenizer, "fingerprint"):
        return str(tokenizer.fingerprint())
    return hashlib.sha256(canonical_json(tokenizer.to_config()).encode()).hexdigest()[:16]


class Collector:
    """Gathers rows and writes them as a part every few seconds.

    Parameters
    ----------
    parts : OutputParts
    make : callable
        Turns a list of rows into a table.
    seconds : float
        After which a part is written.
    """

    def __init__(
        self, parts: OutputParts, make: Callable[[list[Any]], pa.Table], seconds: float = _SECONDS
    ) -> None:
        self.parts, self._make, self._seconds = parts, make, seconds
        self._rows: list[Any] = []
        self._weight = self._done = 0
        self._since = time.monotonic()

    def add(self, row: Any, done: int, weight: int = 1) -> None:
        """Take a row, of so many lines of the output, with which so many windows are done."""
        self._rows.append(row)
        self._done = done
        self._weight += weight
        if self._weight >= _ROWS or time.monotonic() - self._since > self._seconds:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if self._rows:
            self.parts.add(self._make(self._rows), self._done)
        self._rows, self._weight = [], 0
        self._since = time.monotonic()
