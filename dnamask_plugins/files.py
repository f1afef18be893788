"""Files that are either written whole or not there; text from outside that is either read or refused."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import platform
import re
import shutil
import sys
import zlib
from pathlib import Path
from typing import Any

from dnamask_plugins.errors import InputError, NotWritten

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def parse_toml(content: bytes) -> dict[str, Any]:
    """Read TOML.

    Raises
    ------
    ValueError
        The bytes are no UTF-8, no TOML, or nested so deeply that no honest file is.
    """
    try:
        return tomllib.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_toml(path: Path, of: str = "settings") -> dict[str, Any]:
    """Read a TOML file that a user gave.

    Parameters
    ----------
    path : Path
    of : str
        What it should hold, for the message where it is not there.

    Raises
    ------
    InputError
        It cannot be read, or is no TOML; names the line.
    """
    try:
        return parse_toml(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a TOML file of {of}") from None
    except ValueError as error:
        raise InputError(f"{path}: is no TOML ({error}); correct the file") from None


def parse_json(content: str | bytes, **keywords: Any) -> Any:
    """Read JSON; keywords as for `json.loads`.

    Raises
    ------
    ValueError
        The content is no UTF-8, no JSON, or nested so deeply that no honest file is.
    """
    try:
        return json.loads(content, **keywords)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write under a temporary name, flush to disk, then rename.

    Raises
    ------
    NotWritten
        The folder is read-only or the disk is full; nothing half-written is left behind.
    """
    partial = partial_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_left_overs(path)
        with partial.open("wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        raise NotWritten(path, error.strerror) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()  # there only when something went wrong


def follow_umask(folder: Path) -> None:
    """Give every file below a folder the mode that this user's new files have.

    Libraries that write under a temporary name (safetensors) leave files that only their owner can read.
    """
    mask = os.umask(0)
    os.umask(mask)
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            mode = 0o666 & ~mask
            if path.stat().st_mode & 0o777 != mode:
                path.chmod(mode)


def partial_of(path: Path) -> Path:
    """Return the temporary name under which this process writes a file or folder."""
    return path.with_name(f".{path.name}.partial-{platform.node().replace('/', '_')}-{os.getpid()}")


def remove_left_overs(path: Path) -> None:
    """Remove what killed processes of this machine left under their `partial_of` a path."""
    pattern = partial_of(path).name.rpartition("-")[0]
    for left in path.parent.glob(f"{glob.escape(pattern)}-*"):
        process = left.name.rpartition("-")[2]
        if process.isdigit() and _is_alive(int(process)):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                left.unlink()


def _is_alive(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically."""
    write_atomically(path, json.dumps(value, indent=2, sort_keys=False) + "\n")


def safe_name(name: str) -> str:
    """Turn any name into one that is a plain file name everywhere; two names may become the same.

    Examples
    --------
    >>> safe_name("EMP/H3"), safe_name("../../etc/passwd"), safe_name("<b>")
    ('emp.h3', 'etc.passwd', 'b')
    """
    plain = re.sub(r"[^a-z0-9._-]+", "_", name.lower().replace("/", "."))
    return re.sub(r"\.{2,}", ".", plain).strip("._-")[:64].rstrip("._-") or "unnamed"


def gunzip(content: bytes, limit: int) -> bytes:
    """Unpack gzip, but no more than `limit` bytes: a few kilobytes can unpack to gigabytes.

    Raises
    ------
    ValueError
        The content is no gzip, is cut off, or unpacks to more.

    Examples
    --------
    >>> import gzip
    >>> gunzip(gzip.compress(b"ACGT"), limit=4)
    b'ACGT'
    """
    parts: list[bytes] = []
    left = limit
    while content:
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(content, left + 1)
        except zlib.error as error:
            raise ValueError(f"not gzip: {error}") from None
        left -= len(part)
        if left < 0:
            raise ValueError(f"it unpacks to more than {limit:,} bytes")
        if not member.eof:
            raise ValueError("cut off")
        parts.append(part)
        # Further members may follow; zeros at the end are padding.
        content = member.unused_data.lstrip(b"\0")
    if not parts:
        raise ValueError("empty")
    return b"".join(parts)
