"""From finished parts to the file that a user wants: TSV, parquet, npz or zarr, a part at a time."""

from __future__ import annotations

import csv
import functools
import io
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.files import partial_of, remove_left_overs
from dnamask_plugins.inference.parts import OutputParts

if TYPE_CHECKING:
    import pyarrow as pa

TABLES: Final = (".tsv", ".parquet")
ARRAYS: Final = (".npz", ".parquet", ".zarr")


def check_suffix(output: Path, known: Iterable[str]) -> str:
    """Return the suffix that says how a result is written.

    Raises
    ------
    ConfigError
        It is none of those that are known here, or needs a package that is not installed.
    """
    if output.suffix not in known:
        raise ConfigError(f"{output}: what is written follows the suffix; give {', '.join(known)}")
    if output.suffix == ".zarr":
        try:
            import zarr  # noqa: F401
        except ImportError:
            raise ConfigError(
                f"{output}: zarr is not installed; pip install 'dnamask-plugins[zarr]', or give .npz"
            ) from None
    return output.suffix


def write_table(parts: OutputParts, order_by: str | None = None, leave_out: Iterable[str] = ()) -> None:
    """Join the parts into a TSV or parquet file.

    Parameters
    ----------
    parts : OutputParts
    order_by : str, optional
        Column that says the order of the rows and is then left out; all rows are in memory for it.
    leave_out : iterable of str
        Columns that are not wanted.
    """

    def write(path: Path) -> None:
        unwanted = list(leave_out)
        tables = (table.drop_columns(unwanted) if unwanted else table for table in parts.tables())
        if order_by is not None:
            tables = (table for table in [pa.concat_tables(tables).sort_by(order_by).drop_columns(order_by)])
        if parts.output.suffix == ".tsv":
            with path.open("wb") as stream:
                write_tsv(tables, stream)
            return
        writer = None
        for table in tables:
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
        if writer is not None:
            writer.close()

    _finish(parts, write)


def write_tsv(tables: Iterable[pa.Table], stream: IO[bytes], header: bool = True) -> None:
    """Write tables of one schema as TSV: seven significant digits, empty where nothing is known."""
    for table in tables:
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter="\t", lineterminator="\n")
        if header:
            writer.writerow(table.column_names)
        columns = [[_cell(value) for value in column.to_pylist()] for column in table.columns]
        writer.writerows(zip(*columns, strict=True))
        stream.write(text.getvalue().encode())
        stream.flush()
        header = False


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.7g}"
    return value


def write_arrays(parts: OutputParts, text: Iterable[str], numbers: Mapping[str, int | None]) -> None:
    """Join the parts into an npz, zarr or parquet file with one array a column.

    Parameters
    ----------
    parts : OutputParts
    text : iterable of str
        Columns of strings; one that is empty throughout is left out.
    numbers : mapping from str to int or None
        Columns of numbers, and the width of their rows where these are vectors.
    """
    if parts.output.suffix == ".parquet":
        write_table(parts)
        return
    longest = {name: max(map(len, _strings(parts, name)), default=0) for name in text}
    rows = parts.rows()
    write = _write_npz if parts.output.suffix == ".npz" else _write_zarr
    columns: dict[str, tuple[tuple[int, ...], np.dtype[Any], Callable[[], Iterator[NDArray[Any]]]]] = {}
    for name, size in longest.items():
        if size:
            dtype = np.dtype(f"<U{size}")
            columns[name] = ((rows,), dtype, functools.partial(_blocks, parts, name, dtype))
    for name, width in numbers.items():
        dtype = np.dtype("<f4" if width else "<i8")
        shape = (rows, width) if width else (rows,)
        columns[name] = (shape, dtype, functools.partial(_blocks, parts, name, dtype))
    _finish(parts, lambda path: write(path, columns))


def _strings(parts: OutputParts, name: str) -> Iterator[str]:
    for table in parts.tables():
        yield from table.column(name).to_pylist()


def _blocks(parts: OutputParts, name: str, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    for table in parts.tables():
        column = table.column(name).combine_chunks()
        if column.type.num_fields:
            flat = column.flatten().to_numpy(zero_copy_only=False)
            yield flat.reshape(len(column), column.type.list_size).astype(dtype)
        else:
            yield np.array(column.to_pylist(), dtype=dtype)


_Columns = Mapping[str, tuple[tuple[int, ...], np.dtype[Any], Callable[[], Iterator[NDArray[Any]]]]]


def _write_npz(path: Path, columns: _Columns) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, (shape, dtype, blocks) in columns.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                header = {
                    "descr": np.lib.format.dtype_to_descr(dtype),
                    "fortran_order": False,
                    "shape": shape,
                }
                np.lib.format.write_array_header_2_0(member, header)
                for block in blocks():
                    member.write(np.ascontiguousarray(block).tobytes())


def _write_zarr(path: Path, columns: _Columns) -> None:
    import zarr

    # Format 2 can be read by every release, and knows strings.
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    for name, (shape, dtype, blocks) in columns.items():
        array = group.create_array(
            name, shape=shape, dtype=dtype, chunks=(min(4096, max(shape[0], 1)), *shape[1:])
        )
        start = 0
        for block in blocks():
            array[start : start + len(block)] = block
            start += len(block)


def _finish(parts: OutputParts, write: Callable[[Path], None]) -> None:
    partial = partial_of(parts.output)
    remove_left_overs(parts.output)
    try:
        write(partial)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"cannot write {parts.output}: {reason}; free space and run it again: what was computed is kept"
        ) from None
    parts.close(partial)
