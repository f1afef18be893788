"""What a person may change between a kill and a resume: refused, or without effect on the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import settings_walk
import torch
from recording import Killed, kill_at
from safetensors.torch import load_file

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.pretrain.run import pretrain
from dnamask_plugins.pretrain.trainer_fields import FREE

FREE_TOGETHER: dict[str, Any] = {
    "dataloader_multiprocessing_context": "fork",
    "dataloader_num_workers": 1,
    "dataloader_persistent_workers": True,
    "dataloader_pin_memory": False,
    "dataloader_prefetch_factor": 3,
    "ddp_timeout": 60,
    "log_level": "error",
    "log_level_replica": "error",
    "log_on_each_node": False,
    "logging_first_step": True,
    "logging_steps": 2,
    "project": "another",
    "report_to": ["tensorboard"],
    "run_name": "another",
    "save_steps": 4,
    "save_total_limit": 1,
    "torch_empty_cache_steps": 2,
}


def test_every_setting_of_a_run_is_part_of_what_it_is_or_is_named_free(
    run_settings: Callable[..., Any],
) -> None:
    """Read from the settings themselves; a new one without another value to try stops the walk."""
    found = dict(settings_walk.walk(run_settings()))
    unseen = [name for name, told in found.items() if not told]
    assert sorted(unseen) == sorted(f"trainer.{name}" for name in FREE)
    assert len(found) > 60


def test_a_new_setting_cannot_be_forgotten() -> None:
    with pytest.raises(KeyError, match="OTHERS needs another value of 'brand_new'"):
        settings_walk.another("brand_new", "text")


def test_what_is_named_free_changes_no_weight(run_settings: Callable[..., Any]) -> None:
    assert set(FREE_TOGETHER) == set(FREE)
    whole = pretrain(run_settings("whole"), quiet=True).folder
    settings = run_settings("changed")
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, 7)
        with pytest.raises(Killed):
            pretrain(settings, quiet=True)
    changed = replace(settings, trainer={**settings.trainer, **FREE_TOGETHER})
    done = pretrain(changed, quiet=True, resume=True)
    assert done.record["changes"] == []
    first, second = load_file(whole / "model.safetensors"), load_file(done.folder / "model.safetensors")
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mask": {"per": "nucleotide"}}, "mask.per (token, now nucleotide)"),
        ({"windows": {"full_length": 48}}, "windows.full_length (64, now 48)"),
        ({"trainer": {"learning_rate": 0.25}}, "trainer.learning_rate (0.0008, now 0.25)"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_part_of_a_run_is_refused_when_it_goes_on(
    run_settings: Callable[..., Any], change: dict[str, Any], told: str
) -> None:
    """A sample of the walk, with a run that was stopped and a second command; nothing of the run changes."""
    settings = run_settings()
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, 4)
        with pytest.raises(Killed):
            pretrain(settings, quiet=True)
    folder = Path(settings.output)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError) as refused:
        pretrain(run_settings(**change), quiet=True, resume=True)
    line = str(refused.value)
    assert told in line
    assert "--resume-anyway" in line
    assert "\n" not in line
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
