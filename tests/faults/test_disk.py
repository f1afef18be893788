"""A disk that is full or read-only, at every moment at which a run writes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny
from safetensors.torch import load_file

from dnamask_plugins.corpus.build import build_corpus
from dnamask_plugins.errors import InputError
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.pretrain.run import pretrain
from dnamask_plugins.training.checkpoints import find_checkpoints

_ROOM = 64 * 1024
"""KiB; many times what a run of these tests writes."""


def used(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def fill(folder: Path, leave: int) -> Path:
    """Leave only so many bytes free."""
    filler = folder / "filler"
    with filler.open("wb") as stream:
        stream.truncate(0)
        free = shutil.disk_usage(folder).free - leave
        stream.write(bytes(max(free, 0)))
    return filler


def make_read_only(folder: Path) -> None:
    """Remount a `small_disk` so that nothing can be written; permissions do not stop root."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


@pytest.fixture(scope="module")
def whole(prepared: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that had room."""
    from dnamask_plugins.pretrain.settings import PretrainSettings

    folder = tmp_path_factory.mktemp("whole") / "model"
    short = {"max_steps": 12, "eval_steps": 3, "save_steps": 3, "dataloader_num_workers": 0, "report_to": []}
    pretrain(PretrainSettings.from_mapping(tiny.settings(*prepared, folder, "cm_gems", **short)), quiet=True)
    return folder


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.3, 0.5, 0.9, 1.05, 1.3, 2.5, 3.5, 4.02, 4.2, 4.6])
def test_a_full_disk_costs_nothing_but_time(
    run_settings: Callable[..., Any], small_disk: Callable[[int], Path], whole: Path, share: float
) -> None:
    """`share`: free room, in checkpoints; a run of these settings writes four and then the model."""
    disk = small_disk(_ROOM)
    settings = run_settings(disk / "model")
    filler = fill(disk, leave=int(share * used(whole / "checkpoint-3")))
    with pytest.raises(InputError) as caught:
        pretrain(settings, quiet=True)
    message = str(caught.value)
    assert "No space left" in message
    assert "free space" in message
    assert ("is intact" in message) == (share > 1.1)
    assert "\n" not in message
    filler.unlink()
    kept, _ = find_checkpoints(disk / "model")
    assert len(kept) >= min(int(share), 4) - 1  # later checkpoints are a little larger
    pretrain(settings, quiet=True, resume=True)
    expected, found = load_file(whole / "model.safetensors"), load_file(disk / "model" / "model.safetensors")
    assert all((expected[name] == found[name]).all() for name in expected)


def test_a_read_only_folder_is_refused_before_the_first_step(
    run_settings: Callable[..., Any], small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(_ROOM)
    make_read_only(disk)
    with pytest.raises(InputError, match=r"Read-only|read-only"):
        pretrain(run_settings(disk / "model"), quiet=True)


@pytest.mark.parametrize("kibibytes", [4, 40, 300])
def test_builds_leave_nothing_half_written(
    small_disk: Callable[[int], Path], tmp_path: Path, kibibytes: int
) -> None:
    genome = tiny.write_genome(tmp_path / "genome.fa", nucleotides=1_200_000)
    disk = small_disk(kibibytes)
    with pytest.raises(InputError, match="No space left"):
        build_corpus([genome], disk / "corpus")
    assert list(disk.iterdir()) == []
    if kibibytes < 100:  # the table takes 96 KiB
        with pytest.raises(InputError, match="No space left"):
            NpmiTable.from_fasta([genome], k=6).save(disk / "table.safetensors")
        assert list(disk.iterdir()) == []


def test_a_build_does_not_harm_what_it_was_to_replace(
    small_disk: Callable[[int], Path], tmp_path: Path
) -> None:
    small = tiny.write_genome(tmp_path / "small.fa", nucleotides=60_000)
    large = tiny.write_genome(tmp_path / "large.fa", nucleotides=1_200_000)
    disk = small_disk(300)
    store = build_corpus([small], disk / "corpus")
    NpmiTable.from_fasta([small], k=4).save(disk / "table.safetensors")
    with pytest.raises(InputError, match="No space left"):
        build_corpus([large], disk / "corpus", overwrite=True)
    assert build_corpus([small], disk / "corpus").fingerprint == store.fingerprint
    before = (disk / "table.safetensors").read_bytes()
    fill(disk, leave=0)
    with pytest.raises(InputError, match="No space left"):
        NpmiTable.from_fasta([large], k=6).save(disk / "table.safetensors")
    assert (disk / "table.safetensors").read_bytes() == before
