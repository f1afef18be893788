"""The files of a run: what is written before the first step, and the model and its record at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dnamask_plugins import terminal
from dnamask_plugins.environment import without_folders
from dnamask_plugins.files import follow_umask, write_json
from dnamask_plugins.models.lora import merge_lora, save_adapters
from dnamask_plugins.pretrain.build import Run
from dnamask_plugins.pretrain.curves import draw_curves
from dnamask_plugins.pretrain.record import write_run_record
from dnamask_plugins.pretrain.sessions import Sessions
from dnamask_plugins.tokenizers.export import save_tokenizer


def write_beginning(run: Run, sessions: Sessions) -> None:
    """Write settings, sessions and tokenizer, and say what of the model starts at random."""
    if not run.writes:
        return
    sessions.write(run.output)
    write_json(run.output / "settings.json", without_folders(run.settings.to_mapping()))
    description = run.description
    if description.started_fresh or description.origin == "configuration":
        terminal.console(stderr=True, soft_wrap=True).print(str(description))
    note = run.parts.objective.note(run.parts.curriculum)
    if note is not None:
        terminal.console(stderr=True, soft_wrap=True).print(note)
    if not save_tokenizer(run.parts.tokenizer, run.output, description.max_positions):
        terminal.console(stderr=True).print(
            f"tokenizer '{run.parts.tokenizer.name}' has no Hugging Face form: "
            "load_tokenizer(folder) gives it back, AutoTokenizer does not"
        )


def write_end(run: Run, history: Sequence[Mapping[str, Any]], record: dict[str, Any]) -> None:
    """Write the model, its pictures and its record; only the first process does, and the others wait."""
    if run.writes:
        _save_model(run)
        _draw(run, history)
        write_run_record(run.output, record)
        follow_umask(run.output)
    run.trainer.accelerator.wait_for_everyone()


def _save_model(run: Run) -> None:
    final = run.trainer.accelerator.unwrap_model(run.trainer.model)
    if run.settings.lora is not None:
        save_adapters(final, run.output / "adapter")
        final = merge_lora(final)
    final.save_pretrained(run.output)


def _draw(run: Run, history: Sequence[Mapping[str, Any]]) -> None:
    title = f"{without_folders(run.settings.backbone)}, {run.settings.curriculum['name']}"
    draw_curves(history, run.output / "curves.png", title)
