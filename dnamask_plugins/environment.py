"""Where something was computed: versions, processor, accelerators, and the command that was typed."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from dnamask_plugins import __version__

LIBRARIES: Final = ("torch", "transformers", "accelerate", "tokenizers", "datasets", "peft", "numpy", "numba")


def environment() -> dict[str, Any]:
    """Return versions, processor and accelerator of this process, as plain JSON."""
    import torch

    libraries = {}
    for name in LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            continue
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "dnamask_plugins": __version__,
        "python": platform.python_version(),
        "libraries": libraries,
        "platform": platform.platform(),
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
        "gpus": gpus,
    }


def peak_memory() -> int | None:
    """Return the most memory used, in bytes: of the GPU, else of the process; None where nobody counts it."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def command_line() -> list[str]:
    """Return the command that was typed, without the folders in which this machine keeps files."""
    return [Path(sys.argv[0]).name, *(_word_without_folder(word) for word in sys.argv[1:])]


def without_folders(value: Any) -> Any:
    """Return plain JSON in which every local path is reduced to its last part.

    Where a user keeps files is nobody's business, and says nothing: contents are told by their hashes.
    An id of the Hugging Face hub stays as it is.

    Examples
    --------
    >>> without_folders({"corpus": "/home/me/corpora/human", "backbone": "zhihan1996/DNABERT-2-117M"})
    {'corpus': 'human', 'backbone': 'zhihan1996/DNABERT-2-117M'}
    """
    if isinstance(value, Mapping):
        return {key: without_folders(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_folders(item) for item in value]
    return last_part(value) if isinstance(value, str) and _is_local(value) else value


def _word_without_folder(word: str) -> str:
    option, equals, value = word.partition("=")
    if equals and _is_local(value):
        return f"{option}={last_part(value)}"
    return last_part(word) if _is_local(word) else word


def _is_local(text: str) -> bool:
    if text in (".", ".."):
        return True
    if "/" not in text or "\n" in text:
        return False
    if text.startswith(("/", "./", "../", "~")):
        return True
    try:
        return Path(text).exists()
    except OSError:
        return False


def last_part(text: str) -> str:
    """Return the last part of a local path.

    Examples
    --------
    >>> last_part("/home/me/runs/small/"), last_part("small")
    ('small', 'small')
    """
    return Path(text).name if Path(text).name not in ("", "..") else Path(text).resolve().name
