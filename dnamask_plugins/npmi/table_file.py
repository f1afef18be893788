"""The file of an NPMI table: safetensors, with all that is no array as JSON in its header (no pickle)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dnamask_plugins import __version__
from dnamask_plugins.config import canonical_json
from dnamask_plugins.corpus.sources import cannot_read
from dnamask_plugins.errors import InputError
from dnamask_plugins.files import parse_json, write_atomically
from dnamask_plugins.npmi.counting import ALPHABET

FORMAT: Final = "dnamask-npmi-1"
PACKAGE: Final = f"dnamask-plugins {__version__}"
ARRAYS: Final = {"counts": np.int64, "pmi": np.float64, "scores": np.float64}


def write_table(path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
    """Write a table, whole or not at all.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    header = {"format": FORMAT, "alphabet": ALPHABET, **metadata}
    write_atomically(path, save(dict(arrays), {"npmi": canonical_json(header)}))


def read_table(path: Path) -> tuple[dict[str, NDArray[Any]], Mapping[str, Any]]:
    """Return the arrays and the header of a table; whether they fit each other is left to the caller.

    Raises
    ------
    InputError
        The file is missing, corrupt, no NPMI table, or of another alphabet.
    """
    try:
        # safetensors words a folder or an unreadable file as if it were corrupt.
        with open(path, "rb"):
            pass
        with safe_open(path, framework="np") as file:
            text = (file.metadata() or {}).get("npmi")
            arrays = {name: file.get_tensor(name) for name in ARRAYS if name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise InputError(cannot_read(path, error)) from None
    except (SafetensorError, ValueError) as error:
        raise InputError(
            f"{path}: is no NPMI table, or a damaged one ({error}); build it with 'dnamask npmi build'"
        ) from None
    if text is None:
        raise InputError(
            f"{path}: is a safetensors file, but no NPMI table; build one with 'dnamask npmi build'"
        )
    return arrays, _header(text, path)


def _header(text: str, path: Path) -> Mapping[str, Any]:
    try:
        header = parse_json(text)
        form, alphabet = header["format"], header["alphabet"]
    except (ValueError, TypeError, KeyError):
        raise InputError(damaged(path)) from None
    if form != FORMAT:
        raise InputError(f"{path}: format {form!r} is unknown to {PACKAGE}; update the package")
    if alphabet != ALPHABET:
        raise InputError(f"{path}: is over the alphabet {alphabet}; one over {ALPHABET} is needed")
    return dict(header)


def damaged(path: Path) -> str:
    """Return what is said of a table whose parts do not fit each other."""
    return f"{path}: is a damaged NPMI table; build it again"
