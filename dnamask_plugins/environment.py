"""Where something was computed: versions, processor, accelerators, and the command that was typed."""

from __future__ import annotations

import platform
import sys
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


def command_line() -> list[str]:
    """Return the command without the interpreter's and the script's folder."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]


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
