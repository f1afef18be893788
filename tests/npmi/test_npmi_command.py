"""``dnamask npmi`` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dnamask_plugins.cli import main
from dnamask_plugins.npmi.listing import kmers_by_score
from dnamask_plugins.npmi.table import NpmiTable

FASTA = ">a\n" + "ACGTACGTTTGACANNACGATTACA" * 30 + "\n"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "a.fa"
    path.write_text(FASTA)
    return path


@pytest.fixture
def table(fasta: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "t.npmi"
    assert run("npmi", "build", "--fasta", fasta, "--k", 3, "--min-count", 10, "-o", path) == 0
    capsys.readouterr()
    return path


def test_build_takes_several_files_either_way(fasta: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.fa"
    other.write_text(FASTA.replace(">a", ">b").lower())
    assert run("npmi", "build", "--fasta", fasta, other, "--k", 2, "-o", tmp_path / "1") == 0
    assert run("npmi", "build", "--fasta", fasta, "--fasta", other, "--k", 2, "-o", tmp_path / "2") == 0
    first, second = NpmiTable.load(tmp_path / "1"), NpmiTable.load(tmp_path / "2")
    assert first.fingerprint == second.fingerprint
    assert [source["file"] for source in first.provenance["sources"]] == ["a.fa", "b.fa"]


def test_options_reach_the_table(fasta: Path, tmp_path: Path) -> None:
    path = tmp_path / "t"
    options = ("--variant", "genemask_released", "--min-count", 7, "--reverse-complement", "--k", 4)
    assert run("npmi", "build", "--fasta", fasta, *options, "-o", path) == 0
    loaded = NpmiTable.load(path)
    assert (loaded.variant, loaded.min_count, loaded.k) == ("genemask_released", 7, 4)
    assert loaded.provenance["strands"] == "both"


def test_show_prints_the_same_rows_in_every_format(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = list(kmers_by_score(NpmiTable.load(table), 5))
    assert run("npmi", "show", table, "--top", 5, "--format", "csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["kmer", "count", "pmi", "npmi", "rank"]
    assert [row["kmer"] for row in rows] == [row["kmer"] for row in expected]
    assert [float(row["npmi"]) for row in rows] == [row["npmi"] for row in expected]
    assert run("npmi", "show", table, "--top", 5, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["kmers"] == expected
    assert run("npmi", "show", table, "--top", 5) == 0
    text = capsys.readouterr().out
    assert all(row["kmer"] in text and f"{row['npmi']:.4f}" in text for row in expected)
    assert run("npmi", "show", table, "--top", 0, "--format", "csv") == 0
    assert len(capsys.readouterr().out.splitlines()) == 65


def test_shown_csv_can_be_scored_again(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("npmi", "show", table, "--top", 0, "--format", "csv") == 0
    counts = tmp_path / "counts.csv"
    counts.write_text(capsys.readouterr().out)
    assert run("npmi", "from-counts", counts, "--min-count", 10, "-o", tmp_path / "again") == 0
    assert (NpmiTable.load(tmp_path / "again").counts == NpmiTable.load(table).counts).all()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "holds no sequence"),
        (b"\x00\x01\x02\xff" * 100, "no FASTA"),
        (b"\x1f\x8b\x08\x00garbage", "compressed data is truncated or corrupt"),
        (b">a\nAC\n", "no stretch of 6"),
    ],
)
def test_bad_files_exit_with_2_one_line_and_no_table(
    content: bytes, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.fa").write_bytes(content)
    assert run("npmi", "build", "--fasta", tmp_path / "a.fa", "-o", tmp_path / "t") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert complaint in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.fa"]


@pytest.mark.parametrize("arguments", [("--k", "1"), ("--k", "40"), ("--min-count", "0")])
def test_impossible_options_exit_with_2(arguments: tuple[str, str], fasta: Path, tmp_path: Path) -> None:
    assert run("npmi", "build", "--fasta", fasta, *arguments, "-o", tmp_path / "t") == 2
    assert not (tmp_path / "t").exists()


def test_an_output_that_cannot_be_written_is_one_line(
    fasta: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("npmi", "build", "--fasta", fasta, "--k", 2, "-o", fasta / "t") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, dnamask_plugins.cli.commands.npmi, dnamask_plugins.cli.commands.corpus; "
        "print([name for name in ('numpy', 'numba', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
