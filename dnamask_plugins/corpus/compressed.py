"""Compressed files, told apart by content: gzip, bgzip, bzip2, xz, and zstd where its library is there."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from dnamask_plugins.errors import InputError

DAMAGED: Final = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError)
"""What reading a damaged compressed file raises (bzip2 raises an `OSError`)."""


class ByteReader(Protocol):
    """What is read from: a file, or what unpacks one."""

    def read(self, size: int = -1, /) -> bytes:
        """Return so many bytes, fewer at the end."""
        ...


def decompressed(handle: io.BufferedReader, path: str | Path) -> Any:
    """Return a handle on the plain bytes of a file; it may be a pipe.

    Raises
    ------
    InputError
        The file is compressed in a way that is not read here.
    """
    magic = handle.peek(6)  # leaves pipes readable, where a seek would fail
    for prefix, opened in _READERS.items():
        if magic.startswith(prefix):
            return opened(handle, path)
    return handle


def _zip(handle: io.BufferedReader, path: str | Path) -> Any:
    raise InputError(f"{path}: is a zip archive; unpack it, or compress the file with gzip or bgzip")


def _zstd(handle: io.BufferedReader, path: str | Path) -> Any:
    try:
        import zstandard
    except ImportError:
        raise InputError(
            f"{path}: is zstd-compressed; pip install zstandard, or compress it with gzip or bgzip"
        ) from None
    return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(handle, read_across_frames=True))


_READERS: Final[Mapping[bytes, Callable[[io.BufferedReader, str | Path], Any]]] = {
    b"\x1f\x8b": lambda handle, path: gzip.GzipFile(fileobj=handle, mode="rb"),
    b"BZh": lambda handle, path: bz2.BZ2File(handle),
    b"\xfd7zXZ": lambda handle, path: lzma.LZMAFile(handle),  # noqa: SIM115  # closed with the file below
    b"\x28\xb5\x2f\xfd": _zstd,
    b"PK\x03\x04": _zip,
}
