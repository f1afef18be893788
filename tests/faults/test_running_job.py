"""What can befall a run while it runs: files that go, a clock that turns back, a loss that is no number."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from loaders import let_go
from safetensors.torch import load_file

from dnamask_plugins.errors import InputError
from dnamask_plugins.masking import Masker
from dnamask_plugins.pretrain.failures import WorkerDied
from dnamask_plugins.pretrain.run import pretrain
from dnamask_plugins.training.checkpoints import checkpoint_step, find_checkpoints, is_whole, seal
from dnamask_plugins.training.finite import NonFiniteLoss
from dnamask_plugins.training.validation import VALIDATION_SEED


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Return a way to have something happen when the batch of a step is masked."""

    def arrange(wanted: int, event: Callable[[], None]) -> None:
        original = Masker.__call__
        happened: list[int] = []

        def masked(masker: Masker, batch: Any, spec: Any, step: int, ids: Any) -> Any:
            if masker.seed != VALIDATION_SEED and step == wanted and not happened:
                happened.append(step)
                event()
            return original(masker, batch, spec, step, ids)

        monkeypatch.setattr(Masker, "__call__", masked)

    return arrange


def same_weights(a: Path, b: Path) -> bool:
    first, second = load_file(a / "model.safetensors"), load_file(b / "model.safetensors")
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_corpus_deleted_under_a_run_is_still_read(
    run_settings: Callable[..., Any], at_step: Any, tmp_path: Path, workers: int
) -> None:
    trainer = {"dataloader_num_workers": workers}
    whole = pretrain(run_settings("whole", trainer=trainer), quiet=True)
    corpus = tmp_path / "corpus"
    settings = run_settings("deprived", trainer=trainer)
    shutil.copytree(settings.corpus, corpus)
    at_step(4, lambda: shutil.rmtree(corpus))
    deprived = pretrain(replace(settings, corpus=str(corpus)), quiet=True)
    assert not corpus.exists()
    assert same_weights(whole.folder, deprived.folder)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_corpus_cut_short_under_a_run_is_one_line_and_the_run_goes_on_once_it_is_back(
    run_settings: Callable[..., Any], at_step: Any, tmp_path: Path, workers: int
) -> None:
    """Read beyond its end, the file would end the process without a word (SIGBUS)."""
    settings = run_settings("harmed", trainer={"dataloader_num_workers": workers, "max_steps": 40})
    corpus = tmp_path / "corpus"
    shutil.copytree(settings.corpus, corpus)
    settings = replace(settings, corpus=str(corpus))
    nucleotides = corpus / "nucleotides.bin"
    at_step(4, lambda: os.truncate(nucleotides, 0))
    with pytest.raises(
        InputError, match=r"step \d+: .*nucleotides\.bin: was cut short .*put the corpus back"
    ) as caught:
        pretrain(settings, quiet=True)
    let_go(caught.value)
    assert "\n" not in str(caught.value)
    assert find_checkpoints(Path(settings.output))[0]
    shutil.copy(Path(run_settings().corpus) / "nucleotides.bin", nucleotides)
    whole = pretrain(run_settings("whole", trainer={"max_steps": 40}), quiet=True)
    assert same_weights(whole.folder, pretrain(settings, quiet=True, resume=True).folder)


def test_a_loader_worker_that_is_killed_is_one_line(run_settings: Callable[..., Any], at_step: Any) -> None:
    settings = run_settings("orphaned", trainer={"dataloader_num_workers": 1, "max_steps": 40})

    def kill() -> None:
        for worker in multiprocessing.active_children():
            worker.kill()

    at_step(4, kill)
    with pytest.raises(WorkerDied, match=r"checkpoint-3 is intact.*memory ran out") as caught:
        pretrain(settings, quiet=True)
    let_go(caught.value)
    assert "\n" not in str(caught.value)


def test_a_corpus_cut_short_before_a_run_is_refused(run_settings: Callable[..., Any], tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(run_settings().corpus, corpus)
    os.truncate(corpus / "nucleotides.bin", 100)
    with pytest.raises(Exception, match="damaged corpus"):
        pretrain(replace(run_settings(), corpus=str(corpus)), quiet=True)


def test_a_clock_that_turns_back_costs_no_checkpoint(
    run_settings: Callable[..., Any], at_step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later checkpoints look older than earlier ones: the newest by step must stay, and be resumed from."""
    whole = pretrain(run_settings("whole"), quiet=True)
    settings = run_settings("turned", trainer={"save_total_limit": 2})
    output = Path(settings.output)
    real = time.time

    def turn_back() -> None:
        monkeypatch.setattr(time, "time", lambda: real() - 10 * 365 * 86400)
        for folder in output.glob("checkpoint-*"):
            os.utime(folder, (real() + 10**8, real() + 10**8))

    at_step(7, turn_back)
    pretrain(settings, quiet=True)
    kept, broken = find_checkpoints(output)
    assert [checkpoint_step(each) for each in kept] == [12, 9]
    assert not broken
    assert same_weights(whole.folder, output)
    for folder, age in zip(kept, (2, 1), strict=True):  # and again, as files of a copied folder may stand
        os.utime(folder, (real() - age * 10**8,) * 2)
    longer = replace(settings, trainer={**settings.trainer, "max_steps": 15})
    pretrain(longer, quiet=True, resume_anyway=True)
    assert [checkpoint_step(each) for each in find_checkpoints(output)[0]] == [15, 12]


def test_a_loss_that_is_no_number_can_be_reproduced_from_its_message(
    run_settings: Callable[..., Any], at_step: Any
) -> None:
    """The weights are spoilt at step 7; the message gives strategy, seed and ids, which give the masks."""
    from transformers import BertForMaskedLM

    settings = run_settings("spoilt", seed=5)
    models: list[Any] = []
    original = BertForMaskedLM.__init__

    def remember(model: Any, *arguments: Any, **keywords: Any) -> None:
        original(model, *arguments, **keywords)
        models.append(model)

    def spoil() -> None:
        with torch.no_grad():
            for model in models:  # the last one built need not be the one that is trained
                next(model.parameters()).fill_(float("nan"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BertForMaskedLM, "__init__", remember)
        at_step(7, spoil)
        with pytest.raises(NonFiniteLoss) as caught:
            pretrain(settings, quiet=True)
    message = str(caught.value)
    assert "\n" not in message
    found = re.search(
        r"loss is nan at step 7 \(strategy (\w+), seed 5, example ids (\d+)\.\.(\d+)\)", message
    )
    assert found, message
    assert found[1] in ("genemask", "global_npmi")
    assert (int(found[2]), int(found[3])) == (7 * 8, 7 * 8 + 7)
    assert "--resume" in message
    assert [each.name for each in find_checkpoints(Path(settings.output))[0]] == [
        "checkpoint-6",
        "checkpoint-3",
    ]
    whole = pretrain(run_settings("whole", seed=5), quiet=True)
    assert same_weights(whole.folder, pretrain(settings, quiet=True, resume=True).folder)


def test_any_missing_or_shortened_file_makes_a_checkpoint_unusable(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-5"
    folder.mkdir()
    for name in ("a.bin", "b.bin"):
        (folder / name).write_bytes(bytes(100))
    assert not is_whole(folder)
    seal(folder)
    assert is_whole(folder)
    (folder / "b.bin").write_bytes(bytes(99))
    assert not is_whole(folder)
    (folder / "b.bin").unlink()
    assert not is_whole(folder)


@pytest.fixture(scope="module")
def large_genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_genome(tmp_path_factory.mktemp("large") / "genome.fa", nucleotides=30_000_000)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_commands_stopped_by_a_signal_end_in_one_line_and_go_on(
    large_genome: Path, tmp_path: Path, number: int
) -> None:
    """A build of some seconds; those of the harness and of pretraining have tests of their own."""
    target = tmp_path / "made" / "corpus"
    command = [sys.executable, "-m", "dnamask_plugins", "corpus", "build"]
    process = subprocess.Popen(
        [*command, "--fasta", str(large_genome), "-o", str(target)],
        env=tiny.ENVIRONMENT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A shell's background job, such as this test may be, ignores SIGINT and hands that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("made/.corpus.partial-*/nucleotides.bin")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else 75), errors
    assert len(errors.strip().splitlines()) == 1
    assert "again" in errors
    assert list((tmp_path / "made").iterdir()) == []


def test_masks_of_one_step_do_not_depend_on_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    from dnamask_plugins.rng import RngKey

    before = RngKey.from_step(0, 3, np.arange(4)).uniform(5)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert (RngKey.from_step(0, 3, np.arange(4)).uniform(5) == before).all()


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path) -> None:
    from dnamask_plugins.files import partial_of, write_atomically

    path = tmp_path / "table.bin"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    own = partial_of(path).name
    for name in (
        own.replace(str(os.getpid()), str(dead.pid)),
        own.replace(str(os.getpid()), "1"),
        ".table.bin.partial-elsewhere-5",
    ):
        (tmp_path / name).write_bytes(b"half")
    write_atomically(path, b"whole")
    left = sorted(each.name for each in tmp_path.iterdir())
    # Those of a process that lives, and of another machine, are not ours to remove.
    assert left == sorted([".table.bin.partial-elsewhere-5", own.replace(str(os.getpid()), "1"), "table.bin"])
