"""``run.json`` and the model card: everything needed to repeat a run, beside its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dnamask_plugins.config import fingerprint
from dnamask_plugins.environment import command_line, environment, without_folders
from dnamask_plugins.files import write_atomically, write_json
from dnamask_plugins.pretrain.build import Run
from dnamask_plugins.pretrain.sessions import Sessions


def record_of(
    run: Run, history: Sequence[Mapping[str, Any]], sessions: Sessions, seconds: float
) -> dict[str, Any]:
    """Return what ``run.json`` holds after a step, as plain JSON without a path of this machine."""
    settings, parts = run.settings, run.parts
    record = {
        "settings": settings.to_mapping() | {"tokenizer": dict(parts.tokenizer.to_config())},
        "trainer": settings.trainer_arguments,
        "fingerprint": sessions.fingerprint,
        "command": command_line(),
        "environment": environment(),
        "model": run.description.to_dict(),
        "corpus": {
            "files": [source["file"] for source in parts.store.index["sources"]],
            "nucleotides": len(parts.store),
            "fingerprint": parts.store.fingerprint,
        },
        "curriculum": _curriculum(run),
        "progress": _progress(run, history, seconds),
        **sessions.to_json(),
    }
    plain: dict[str, Any] = without_folders(record) | {"history": list(history)}
    return plain


def _curriculum(run: Run) -> dict[str, Any]:
    config = dict(run.parts.curriculum.to_config())
    return {
        "config": config,
        "fingerprint": fingerprint(config),
        "state": dict(run.schedule.state),
        "switch_step": run.schedule.state.get("switch_step"),
        "strategies": list(run.parts.masker.strategies),
        "mask_rate": run.schedule.spec.mask_rate,
        "probe": run.parts.curriculum.probes[0],
        "probe_rate": run.parts.validation.mask_rate,
    }


def _progress(run: Run, history: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    arguments, state = run.trainer.args, run.trainer.state
    evaluated: Mapping[str, Any] = next((row for row in reversed(history) if "eval_perplexity" in row), {})
    return {
        "steps": state.global_step,
        "tokens": int(state.num_input_tokens_seen),
        "examples_per_step": (
            arguments.train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size
        ),
        "processes": arguments.world_size,
        "seconds_this_session": round(seconds, 1),
        "perplexity": evaluated.get("eval_perplexity"),
        "nucleotide_perplexity": evaluated.get("eval_nucleotide_perplexity"),
    }


def write_run_record(folder: Path, record: dict[str, Any]) -> None:
    """Write ``run.json`` and the model card ``README.md`` into a model folder."""
    write_json(folder / "run.json", record)
    write_atomically(folder / "README.md", write_card(folder, record))


def write_card(folder: Path, record: Mapping[str, Any]) -> str:
    """Return the model card; its code runs in the folder as it is.

    Plain ``transformers`` loads what it has a class for; other architectures need the package that has them,
    and a tokenizer without a Hugging Face form needs ours.
    """
    templates = Environment(
        loader=PackageLoader("dnamask_plugins.pretrain"), undefined=StrictUndefined, trim_blocks=True
    )
    return templates.get_template("model_card.md.j2").render(
        record=record,
        library=record["model"]["library"],
        plain_tokenizer=any(
            (folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json")
        ),
    )
