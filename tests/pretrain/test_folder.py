"""The folder of a run: others' files stay, and a run goes on only from what it wrote itself."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recording import same_weights

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.locks import locked_folder
from dnamask_plugins.pretrain.folder import prepare_output
from dnamask_plugins.pretrain.run import pretrain
from dnamask_plugins.training.checkpoints import begin, seal


def all_files(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def checkpoint(folder: Path, step: int) -> Path:
    made = folder / f"checkpoint-{step}"
    begin(made)
    (made / "model.safetensors").write_bytes(b"weights")
    seal(made)
    return made


@pytest.mark.parametrize("name", ["README.md", "config.json", "model.safetensors", "tokenizer.json", "notes"])
@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_with_other_files_is_refused(tmp_path: Path, name: str, resume: bool) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigError, match=rf"holds {name} and no run of dnamask.*--overwrite"):
        prepare_output(tmp_path, resume)
    assert all_files(tmp_path) == {name: b"mine"}
    assert prepare_output(tmp_path, resume, overwrite=True) is None
    assert all_files(tmp_path) == {name: b"mine"}


def test_a_checkpoint_of_others_is_never_removed(tmp_path: Path) -> None:
    """A plain Hugging Face ``checkpoint-500`` was taken for half-written and deleted."""
    foreign = tmp_path / "checkpoint-500"
    foreign.mkdir()
    (foreign / "model.safetensors").write_bytes(b"weeks of work")
    for resume, overwrite in ((False, False), (True, False), (True, True)):
        with pytest.raises(ConfigError, match="checkpoint-500"):
            prepare_output(tmp_path, resume, overwrite)
    checkpoint(tmp_path, 400)
    (tmp_path / "identity.json").write_text("{}")
    for resume, overwrite in ((True, False), (True, True)):
        with pytest.raises(ConfigError, match="checkpoint-500 was not written by dnamask"):
            prepare_output(tmp_path, resume, overwrite)
    assert (foreign / "model.safetensors").read_bytes() == b"weeks of work"


def test_new_and_empty_folders_and_what_a_kill_left_are_begun(tmp_path: Path) -> None:
    assert prepare_output(tmp_path / "new", resume=False) is None
    with locked_folder(tmp_path / "locked"):
        assert prepare_output(tmp_path / "locked", resume=False) is None
    begin(tmp_path / "killed" / "checkpoint-3")
    assert prepare_output(tmp_path / "killed", resume=True) is None
    assert not (tmp_path / "killed" / "checkpoint-3").exists()


def test_the_newest_that_is_whole_is_chosen_and_the_damaged_set_aside(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first, second, third = (checkpoint(tmp_path, step) for step in (3, 6, 9))
    begin(tmp_path / "checkpoint-12")
    (third / "model.safetensors").write_bytes(b"weightz")
    assert prepare_output(tmp_path, resume=True) == second
    told = capfd.readouterr().err
    assert "checkpoint-12 is half-written: going on from checkpoint-6" in told
    assert "checkpoint-9 is damaged (model.safetensors) and now called damaged-checkpoint-9" in told
    assert first.is_dir()
    assert (tmp_path / "damaged-checkpoint-9" / "model.safetensors").read_bytes() == b"weightz"
    third = checkpoint(tmp_path, 9)
    (third / "model.safetensors").write_bytes(bytes(7))
    assert prepare_output(tmp_path, resume=True) == second
    assert (tmp_path / "damaged-checkpoint-9-2").is_dir()


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("where", ["itself", "inside"])
@pytest.mark.parametrize("setting", ["corpus", "npmi", "backbone", "tokenizer"])
def test_nothing_that_is_read_is_written(
    tiny: Any, tmp_path: Path, setting: str, where: str, overwrite: bool
) -> None:
    source = tmp_path / "source"
    shutil.copytree(tiny().corpus, source)
    before = all_files(source)
    named: Any = {"name": "bpe", "path": str(source)} if setting == "tokenizer" else str(source)
    output = source if where == "itself" else source / "below"
    settings = replace(tiny(), **{setting: named, "output": str(output)})
    with pytest.raises(ConfigError, match=f"is the {setting} itself or lies in it"):
        pretrain(settings, quiet=True, overwrite=overwrite)
    assert all_files(source) == before


def test_overwrite_begins_anew_and_leaves_what_is_not_ours(tiny: Any) -> None:
    settings = tiny(trainer={"max_steps": 3})
    whole = pretrain(tiny("whole", trainer={"max_steps": 3}, seed=4), quiet=True)
    done = pretrain(settings, quiet=True)
    (done.folder / "notes.txt").write_text("mine")
    again = pretrain(replace(settings, seed=4), quiet=True, overwrite=True)
    assert same_weights(whole.folder, again.folder)
    assert (again.folder / "notes.txt").read_text() == "mine"
    assert len(again.record["sessions"]) == 1
    modes = {each.stat().st_mode & 0o777 for each in again.folder.rglob("*") if each.is_file()}
    mask = os.umask(0)
    os.umask(mask)
    assert modes == {0o666 & ~mask}


def test_two_runs_at_once_in_one_folder(tiny: Any) -> None:
    settings = tiny()
    with locked_folder(Path(settings.output)), pytest.raises(ConfigError, match="another dnamask process"):
        pretrain(settings, quiet=True)
