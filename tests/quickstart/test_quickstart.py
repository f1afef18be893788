"""The quickstart at a size of seconds: whole, resumable, honest."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from dnamask_plugins.corpus.bundled import bundled_genomes
from dnamask_plugins.corpus.fasta import read_fasta
from dnamask_plugins.errors import InputError
from dnamask_plugins.masking import Masker
from dnamask_plugins.pretrain.signals import Interrupted
from dnamask_plugins.quickstart.arms import CAVEAT
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


def test_runs_to_a_report_and_does_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped by a scheduler in the first pretraining, too."""
    original = Masker.__call__
    sent: list[int] = []

    def masked(masker: Masker, batch: Any, spec: Any, step: int, ids: Any) -> Any:
        if masker.seed != VALIDATION_SEED and step == 2 and not sent:
            sent.append(step)
            os.kill(os.getpid(), signal.SIGTERM)
        return original(masker, batch, spec, step, ids)

    monkeypatch.setattr(Masker, "__call__", masked)
    with pytest.raises(
        Interrupted, match=r"^stopped by a signal and saved in .*; run the same command again"
    ):
        quickstart(tmp_path, sizes=TINY)
    assert len(list((tmp_path / "models").glob("*/checkpoint-3"))) == 1
    arms = quickstart(tmp_path, sizes=TINY)
    page = (tmp_path / "report.html").read_text()
    printed = " ".join(capsys.readouterr().out.split())
    assert [arm.name for arm in arms] == list(ARMS)
    assert "no evidence for or against a method" in " ".join(page.split())
    assert "no evidence" in printed.replace("\n", " ")
    assert CAVEAT.split(".")[0] in page
    for arm in arms:
        assert arm.name in page
        assert len(arm.scores["mcc"]) == 3
        assert set(arm.perplexity) == {"span", "genemask", "global_npmi"}
    assert "http" not in page.split("</head>")[1].replace("http://www.w3.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "").replace("https://matplotlib.org", "")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "models").rglob("model.safetensors")}
    again = quickstart(tmp_path, sizes=TINY)
    assert [arm.scores for arm in again] == [arm.scores for arm in arms]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
