"""The quickstart at a size of seconds: whole, resumable, honest."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dnamask_plugins.corpus.bundled import bundled_genomes
from dnamask_plugins.corpus.fasta import read_fasta
from dnamask_plugins.errors import InputError
from dnamask_plugins.masking import Masker
from dnamask_plugins.pretrain.signals import Interrupted
from dnamask_plugins.quickstart.arms import CAVEAT, Arm
from dnamask_plugins.quickstart.reads import write_origin_task
from dnamask_plugins.quickstart.run import quickstart
from dnamask_plugins.quickstart.settings import ARMS, Sizes
from dnamask_plugins.training.validation import VALIDATION_SEED

TINY = Sizes(steps=4, eval_steps=2, batch=4, window=64, train=16, dev=8, test=8, read_length=60, epochs=1)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as stream:
        return list(csv.DictReader(stream))


def test_reads_come_from_their_species_and_splits_share_no_region(tmp_path: Path) -> None:
    genomes = {name: path for name, path in bundled_genomes().items() if name in ("fly", "yeast")}
    species = write_origin_task(genomes, tmp_path, {"train": 30, "dev": 10, "test": 10}, length=80)
    complement = str.maketrans("ACGT", "TGCA")
    where: dict[str, list[tuple[int, int]]] = {"train": [], "dev": [], "test": []}
    for label, name in enumerate(species):
        genome = b"".join(record.sequence for record in read_fasta(genomes[name])).decode().upper()
        for split, places in where.items():
            for row in rows(tmp_path / f"{split}.csv"):
                if int(row["label"]) == label:
                    read = row["sequence"]
                    start = max(genome.find(read), genome.find(read.translate(complement)[::-1]))
                    assert start >= 0
                    places.append((label, start * 100 // len(genome)))
    assert {len(places) for places in where.values()} == {60, 20}
    for split, low, high in (("train", 0, 60), ("dev", 60, 80), ("test", 80, 100)):
        # Repeats may be found at their first copy elsewhere, so most, not all.
        inside = sum(low <= place <= high for _, place in where[split])
        assert inside >= 0.8 * len(where[split])


def test_reads_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    genomes = {"yeast": bundled_genomes()["yeast"]}
    sizes = {"train": 5, "dev": 5, "test": 5}
    write_origin_task(genomes, tmp_path / "a", sizes)
    write_origin_task(genomes, tmp_path / "b", sizes)
    assert (tmp_path / "a" / "train.csv").read_text() == (tmp_path / "b" / "train.csv").read_text()


def test_a_genome_too_small_for_the_reads_is_one_clear_line(tmp_path: Path) -> None:
    fasta = tmp_path / "small.fa"
    fasta.write_text(">a\n" + "ACGT" * 20 + "\n")
    with pytest.raises(InputError, match="too few stretches"):
        write_origin_task({"small": fasta}, tmp_path, {"train": 5, "dev": 5, "test": 5}, length=60)


@dataclass(frozen=True)
class Finished:
    """A quickstart that a scheduler stopped in its first pretraining, and that was started again."""

    folder: Path
    told: str
    kept: list[Path]
    arms: list[Arm]
    page: str
    printed: str


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("quickstart")
    original = Masker.__call__
    sent: list[int] = []

    def masked(masker: Masker, batch: Any, spec: Any, step: int, ids: Any) -> Any:
        if masker.seed != VALIDATION_SEED and step == 2 and not sent:
            sent.append(step)
            os.kill(os.getpid(), signal.SIGTERM)
        return original(masker, batch, spec, step, ids)

    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as out:
        patch.setattr(Masker, "__call__", masked)
        with pytest.raises(Interrupted) as stopped:
            quickstart(folder, sizes=TINY)
        kept = list((folder / "models").glob("*/checkpoint-3"))
        arms = quickstart(folder, sizes=TINY)
    page = (folder / "report.html").read_text()
    return Finished(folder, str(stopped.value), kept, arms, page, " ".join(out.getvalue().split()))


def test_a_signal_is_one_line_and_leaves_a_checkpoint(finished: Finished) -> None:
    assert re.match(r"stopped by a signal and saved in .*; run the same command again", finished.told)
    assert len(finished.kept) == 1


def test_both_curricula_are_measured_alike(finished: Finished) -> None:
    assert [arm.name for arm in finished.arms] == list(ARMS)
    for arm in finished.arms:
        assert arm.name in finished.page
        assert len(arm.scores["mcc"]) == 3
        assert set(arm.perplexity) == {"span", "genemask", "global_npmi"}


def test_page_and_terminal_say_that_this_is_no_evidence(finished: Finished) -> None:
    assert "no evidence for or against a method" in " ".join(finished.page.split())
    assert "no evidence" in finished.printed
    assert CAVEAT.split(".")[0] in finished.page


def test_the_page_fetches_nothing(finished: Finished) -> None:
    """Names of XML vocabularies look like addresses, but are none that a browser visits."""
    body = finished.page.split("</head>")[1]
    hosts = set(re.findall(r"https?://([^/\"'<> ]+)", body))
    assert hosts <= {"www.w3.org", "purl.org", "creativecommons.org", "matplotlib.org"}
    assert not re.search(r"(src|href)=.https?://", body)


def test_what_is_finished_is_not_done_again(finished: Finished) -> None:
    kept = {path: path.stat().st_mtime_ns for path in (finished.folder / "models").rglob("model.safetensors")}
    again = quickstart(finished.folder, sizes=TINY)
    assert [arm.scores for arm in again] == [arm.scores for arm in finished.arms]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
