"""``run.json`` and the model card: everything needed to repeat a run, beside what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dnamask_plugins.files import write_atomically, write_json


def write_run_record(folder: Path, record: dict[str, Any]) -> None:
    """Write ``run.json`` and the model card ``README.md`` into a model folder."""
    write_json(folder / "run.json", record)
    templates = Environment(
        loader=PackageLoader("dnamask_plugins.pretrain"), undefined=StrictUndefined, trim_blocks=True
    )
    card = templates.get_template("model_card.md.j2").render(record=record)
    write_atomically(folder / "README.md", card)
