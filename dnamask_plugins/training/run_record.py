"""``run.json`` and the model card: everything needed to repeat a run, beside what came of it."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from dnamask_plugins import __version__
from dnamask_plugins.files import write_atomically, write_json

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


def write_run_record(folder: Path, record: dict[str, Any]) -> None:
    """Write ``run.json`` and the model card ``README.md`` into a model folder."""
    write_json(folder / "run.json", record)
    templates = Environment(
        loader=PackageLoader("dnamask_plugins.training"), undefined=StrictUndefined, trim_blocks=True
    )
    card = templates.get_template("model_card.md.j2").render(record=record)
    write_atomically(folder / "README.md", card)
