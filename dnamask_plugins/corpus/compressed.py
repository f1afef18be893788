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

LEAST_ALLOWED: Final = 64 * 1024 * 1024
"""Bytes that a compressed table may hold however small it is."""


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


def most_unpacked(size: int) -> int:
    """Return how many bytes a compressed table of so many bytes may hold.

    DNA in text packs to a third or a tenth; a hundredth is a bomb, or damaged. Small files may hold 64 MiB.
    """
    return max(LEAST_ALLOWED, 100 * size)


def too_much_unpacked(path: str | Path, size: int) -> InputError:
    """Return the error of a file that holds more than that."""
    return InputError(
        f"{path}: unpacks to over {most_unpacked(size):,} bytes from {size:,}, which no table of sequences "
        "does; get the file again, or unpack it if it is meant so"
    )


def refuse_bombs(path: Path) -> None:
    """Unpack a compressed file once, holding nothing of it, and refuse it where it holds too much.

    Raises
    ------
    InputError
        It unpacks to far more than sequences do, or is damaged.
    """
    size, seen = path.stat().st_size, 0
    try:
        with path.open("rb") as raw:
            plain = decompressed(raw, path)
            while plain is not raw and (block := plain.read(1 << 20)):
                seen += len(block)
                if seen > most_unpacked(size):
                    raise too_much_unpacked(path, size)
    except (*DAMAGED, OSError) as error:
        raise InputError(f"{path}: is truncated or corrupt ({error}); get the file again") from None


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
