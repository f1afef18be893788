"""Results that are written in finished parts, so that a killed command goes on where it stopped.

Parts lie in a folder beside the output until all are there; then they become the output, one after
the other, and the folder goes. Each part is written whole or not at all, and says how many windows of the
input were done when it was.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from dnamask_plugins.errors import InputError
from dnamask_plugins.files import parse_json, partial_of, remove_left_overs, write_json

if TYPE_CHECKING:
    import pyarrow as pa

_IDENTITY = "command.json"


class OutputParts:
    """The finished parts of one output.

    Parameters
    ----------
    output : Path
        Where the result is to be.
    identity : mapping
        Whatever decides what the result is: weights, input, settings; plain JSON.
    overwrite : bool
        Forget an output that is there, and parts of another command.

    Raises
    ------
    InputError
        The output is there already, or the parts that are there belong to another command.

    Attributes
    ----------
    done : int
        Windows (or variants) whose results lie in the parts.
    """

    def __init__(self, output: Path, identity: Mapping[str, Any], overwrite: bool = False) -> None:
        self.output = output
        self.folder = output.with_name(f".{output.name}.parts")
        if overwrite:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif output.exists():
            raise InputError(f"{output}: is there already; choose another -o, or add --overwrite")
        self._take_folder(dict(identity))
        paths = self.paths()
        self.done = int(paths[-1].stem.split("-")[1]) if paths else 0

    def _take_folder(self, identity: dict[str, Any]) -> None:
        file = self.folder / _IDENTITY
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {self.output}: {error.strerror}; choose another folder") from None
        if not file.is_file():
            write_json(file, identity)
            return
        try:
            found = parse_json(file.read_bytes())
        except ValueError:
            found = {}
        different = sorted(key for key in identity | found if identity.get(key) != found.get(key))
        if different:
            raise InputError(
                f"{self.folder}: holds parts of another command ({', '.join(different)} differ); "
                "add --overwrite to start again, or choose another -o"
            )

    def forget(self) -> None:
        """Remove the parts."""
        for path in self.paths():
            path.unlink()
        self.done = 0

    def paths(self) -> list[Path]:
        """Return the finished parts in order."""
        return sorted(self.folder.glob("[0-9]*.parquet"))

    def add(self, table: pa.Table, done: int) -> None:
        """Write a part: its rows, and how many windows are done with it."""
        path = self.folder / f"{len(self.paths()):06d}-{done:012d}.parquet"
        partial = partial_of(path)
        remove_left_overs(path)
        try:
            pq.write_table(table, partial, compression="zstd")
            partial.replace(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"cannot write {path}: {reason}; free space and run it again") from None
        self.done = done

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows of the parts, a part at a time."""
        for path in self.paths():
            yield pq.read_table(path)

    def rows(self) -> int:
        """Return how many rows the parts hold together."""
        return sum(pq.read_metadata(path).num_rows for path in self.paths())

    def close(self, written: Path) -> None:
        """Put the finished output in its place and remove the parts."""
        if self.output.is_dir():
            shutil.rmtree(self.output)
        os.replace(written, self.output)
        shutil.rmtree(self.folder, ignore_errors=True)
