"""Intervals on a genome: every sequence as a plain loop cuts it, and nothing from a wrong place."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from table_cases import table
from toy_data import random_dna

from dnamask_plugins.cli import main
from dnamask_plugins.errors import InputError
from dnamask_plugins.harness.tables import import_table
from dnamask_plugins.harness.tables.reading import read_table
from dnamask_plugins.results.record_files import find, read
from dnamask_plugins.tasks import genomic_benchmarks

HEADER = ["id", "region", "start", "end", "strand"]
OTHER = {"A": "T", "C": "G", "G": "C", "T": "A", "N": "N"}
GENOME = {
    name: random_dna(np.random.default_rng(seed), 3000) + "N" * 5 for seed, name in enumerate(("1", "2", "X"))
}


def by_hand(region: str, start: int, end: int, strand: str) -> str:
    letters = [GENOME[region.removeprefix("chr")][place] for place in range(start, end)]
    return "".join(letters if strand == "+" else [OTHER[letter] for letter in reversed(letters)])


def write_genome(path: Path) -> Path:
    records = ((name, letters[:70].lower(), letters[70:]) for name, letters in GENOME.items())
    text = "".join(f">{name} a chromosome\n{first}\n{rest}\n" for name, first, rest in records)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A folder GB with one task; 60 intervals of train and 20 of test in each class."""
    generator = np.random.default_rng(5)
    task = tmp_path / "GB" / "human_enhancers_cohn"
    for split, rows in (("train", 60), ("test", 20)):
        for label in ("negative", "positive"):
            starts = generator.integers(0, 2900, rows).tolist()
            starts[0] = 0
            made = [
                (row, f"chr{'12X'[row % 3]}", start, start + 40 + row % 7, "+-"[row % 2])
                for row, start in enumerate(starts)
            ]
            made[-1] = (rows - 1, "chrX", 2960, 3005, "-")
            plain = table(task / split / f"{label}.csv", HEADER, made)
            plain.with_name(f"{label}.csv.gz").write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
            plain.unlink()
    write_genome(tmp_path / "GB" / "genome.fa.gz")
    return tmp_path


def test_every_sequence_is_that_of_a_plain_loop(suite: Path):
    task = suite / "GB" / "human_enhancers_cohn"
    read_ = read_table(task)
    assert len(read_) == 160
    expected = []
    for split in ("train", "test"):
        for label in ("negative", "positive"):
            lines = gzip.decompress((task / split / f"{label}.csv.gz").read_bytes()).decode().splitlines()[1:]
            for line in lines:
                _, region, start, end, strand = line.split(",")
                expected.append((split, label, by_hand(region, int(start), int(end), strand)))
    columns = read_.columns
    assert read_.split is not None
    assert list(zip(read_.split, columns["label"], columns["sequence"], strict=True)) == expected


def test_a_genome_of_the_task_goes_before_that_of_the_suite(suite: Path):
    task = suite / "GB" / "human_enhancers_cohn"
    (suite / "GB" / "genome.fa.gz").write_bytes(gzip.compress(b">1\nACGT\n", mtime=0))
    write_genome(task / "hg38.fa.gz")
    assert len(read_table(task)) == 160


def test_regions_that_overlap_stay_on_one_side(suite: Path):
    made = import_table(suite / "GB" / "human_enhancers_cohn", "a", suite / "out")
    assert made.task.labels == ("negative", "positive")
    assert "regions that overlap" in made.how_split
    place = [made.table.columns[name] for name in ("chrom", "start", "end")]
    rows = [(c, int(s), int(e), side) for c, s, e, side in zip(*place, made.split.tolist(), strict=True)]
    dev = [row for row in rows if row[3] == "dev"]
    assert dev
    for chrom, start, end, _ in dev:
        assert not any(c == chrom and s < end and start < e for c, s, e, side in rows if side == "train")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((0, "chr7", 0, 40, "+"), "row 1 below the header: region 'chr7' is not in genome.fa.gz"),
        ((0, "chr1", 2990, 3006, "+"), "the interval ends at 3006, and region 'chr1' has 3005 letters"),
        ((0, "chr1", 40, 40, "+"), "'40' to '40' is no interval"),
        ((0, "chr1", -4, 40, "+"), "'-4' to '40' is no interval"),
        ((0, "chr1", 0, 40, "."), "strand '.' is neither + nor -"),
    ],
)
def test_what_is_wrong_is_one_line(row: tuple[object, ...], words: str, suite: Path):
    table(suite / "GB" / "human_enhancers_cohn" / "train" / "negative.csv", HEADER, [row])
    (suite / "GB" / "human_enhancers_cohn" / "train" / "negative.csv.gz").unlink()
    with pytest.raises(InputError) as refused:
        read_table(suite / "GB" / "human_enhancers_cohn")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_genome_and_two_genomes_are_refused(suite: Path):
    task = suite / "GB" / "human_enhancers_cohn"
    (suite / "GB" / "other.fa").write_text(">1\nACGT\n")
    with pytest.raises(InputError, match="region '1' stands in"):
        read_table(task)
    (suite / "GB" / "other.fa").unlink()
    (suite / "GB" / "genome.fa.gz").unlink()
    with pytest.raises(InputError, match="holds intervals on a genome, but no genome"):
        read_table(task)


def test_the_suite_runs_by_its_name(suite: Path):
    assert len(genomic_benchmarks()) == 7
    arguments = ["gue", "run", "--model", "baseline:kmers", "--gue-dir", suite, "--out", suite / "out"]
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments), "--tasks", "GB/human_enhancers_cohn"])
    assert not stopped.value.code
    (record,) = map(read, find([suite / "out" / "records"]))
    task = record.task
    assert (task.suite, task.metric, task.test_rows) == ("genomic_benchmarks", "accuracy", 40)
