"""The table file: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.npmi.counting import kmer_names
from dnamask_plugins.npmi.listing import kmers_by_score
from dnamask_plugins.npmi.table import NpmiTable

SEQUENCES = ["ACGTACGTTTGACANNACGATTACA" * 20, "GGGACCATTTACGAGCA" * 30]


@pytest.fixture
def table() -> NpmiTable:
    return NpmiTable.from_sequences(SEQUENCES, k=3, min_count=5)


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_round_trip_keeps_everything(table: NpmiTable, tmp_path: Path) -> None:
    saved = table.save(tmp_path / "new folder" / "t.npmi")
    again = NpmiTable.load(tmp_path / "new folder" / "t.npmi")
    for name in ("scores", "pmi", "counts", "order"):
        np.testing.assert_array_equal(getattr(again, name), getattr(table, name))
    assert (again.k, again.variant, again.min_count) == (3, "pmi_masking", 5)
    assert again.provenance == table.provenance
    assert again.fingerprint == table.fingerprint == saved.fingerprint
    assert again.path == saved.path
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["t.npmi"]


def test_arrays_cannot_be_written(table: NpmiTable) -> None:
    for name in ("scores", "pmi", "counts", "order"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(table, name)[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.k = 4  # type: ignore[misc]


def test_order_falls_from_the_highest_and_leaves_out_what_has_no_score(table: NpmiTable) -> None:
    scored = ~np.isnan(table.scores)
    assert scored.any()
    assert not scored.all()
    assert sorted(table.order) == np.flatnonzero(scored).tolist()
    assert (np.diff(table.scores[table.order]) <= 0).all()
    assert math.isnan(table.score("GGT")) == (not scored[0b101011])


def test_ties_rank_in_alphabetical_order() -> None:
    scores = np.tile([0.5, 0.25], 512)
    table = NpmiTable(5, scores, scores, np.ones(1024), "pmi_masking", 1)
    assert table.order.tolist() == [*range(0, 1024, 2), *range(1, 1024, 2)]


def test_rows_are_highest_first_and_complete(table: NpmiTable) -> None:
    rows = list(kmers_by_score(table))
    assert {row["kmer"] for row in rows} == set(kmer_names(3))
    scored = [row for row in rows if row["rank"] is not None]
    assert [row["rank"] for row in scored] == list(range(1, len(scored) + 1))
    assert rows[: len(scored)] == scored
    assert list(kmers_by_score(table, 2)) == rows[:2]
    assert rows[0]["npmi"] == table.scores.max(where=~np.isnan(table.scores), initial=-9)


def test_fasta_plain_gzip_and_in_memory_agree(tmp_path: Path) -> None:
    text = "".join(f">s{number}\n{sequence}\n" for number, sequence in enumerate(SEQUENCES))
    (tmp_path / "a.fa").write_text(text)
    (tmp_path / "a.fa.gz").write_bytes(gzip.compress(text.lower().replace("s", "S").encode()))
    expected = NpmiTable.from_sequences(SEQUENCES, k=3, min_count=5).fingerprint
    seen: list[int] = []
    for name in ("a.fa", "a.fa.gz"):
        table = NpmiTable.from_fasta([tmp_path / name], 3, min_count=5, progress=seen.append)
        assert table.fingerprint == expected
        source = table.provenance["sources"][0]
        assert source["file"] == name
        assert source["nucleotides"] == sum(map(len, SEQUENCES))
    assert sum(seen) == sum((tmp_path / name).stat().st_size for name in ("a.fa", "a.fa.gz"))


def test_no_window_crosses_from_one_record_or_file_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(">a\nAC\n>b\nGT\n")
    (tmp_path / "b.fa").write_text(">a\nTT\n")
    table = NpmiTable.from_fasta([tmp_path / "a.fa", tmp_path / "b.fa"], 2, min_count=1)
    assert {row["kmer"] for row in kmers_by_score(table) if row["count"]} == {"AC", "GT", "TT"}


def test_both_strands_score_a_kmer_and_its_reverse_complement_alike() -> None:
    table = NpmiTable.from_sequences(SEQUENCES, k=3, min_count=2, reverse_complement=True)
    for name in kmer_names(3):
        other = name.translate(str.maketrans("ACGT", "TGCA"))[::-1]
        np.testing.assert_allclose(table.score(name), table.score(other), rtol=1e-12)
    assert table.provenance["strands"] == "both"


def test_counts_csv_equals_the_sequences_when_it_lists_shorter_kmers_too(tmp_path: Path) -> None:
    from dnamask_plugins.npmi.counting import count_sequences

    counts = count_sequences(SEQUENCES, 3)
    lines = [
        f"{name},{count}"
        for length, table in counts.items()
        for name, count in zip(kmer_names(length), table, strict=True)
    ]
    path = tmp_path / "counts.csv"
    path.write_text("kmer,count\n" + "\n".join(lines))
    expected = NpmiTable.from_sequences(SEQUENCES, k=3, min_count=5)
    assert NpmiTable.from_counts_csv(path, min_count=5).fingerprint == expected.fingerprint


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "columns kmer"),
        ("a,b\n1,2\n", "columns kmer"),
        ("kmer,count\n", "lists no k-mer"),
        ("kmer,count\nACG,1.5\n", "line 2: count '1.5'"),
        ("kmer,count\nACG,-1\n", "line 2: count '-1'"),
        ("kmer,count\nACG,\n", "line 2: count ''"),
        ("kmer,count\nACG\n", "line 2: count ''"),
        ("kmer,count\nACN,1\n", "line 2: 'ACN'"),
        ("kmer,count\nACG,1\nacg,2\n", "line 3: ACG is listed twice"),
        ("kmer,count\nA,1\n", "single nucleotides"),
        ("kmer,count\nACG,99999999999999999999999\n", "no CSV"),
    ],
)
def test_bad_counts_are_one_clear_line(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=complaint) as error:
        NpmiTable.from_counts_csv(path)
    assert "counts.csv" in one_line(error)


def test_binary_counts_are_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(InputError, match=r"counts\.csv"):
        NpmiTable.from_counts_csv(path)


def test_every_flipped_byte_is_noticed(table: NpmiTable, tmp_path: Path) -> None:
    path = tmp_path / "t.npmi"
    table.save(path)
    content = path.read_bytes()
    for position in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[position] ^= 0x15
        path.write_bytes(damaged)
        try:
            again = NpmiTable.load(path)
        except InputError:
            continue
        # What the file says about its origin is no part of the scores; all else is guarded.
        assert again.fingerprint == table.fingerprint


@pytest.mark.parametrize("keep", [0, 7, 8, 100, 1000, -1])
def test_a_truncated_table_is_one_clear_line(table: NpmiTable, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "t.npmi"
    table.save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"t\.npmi"):
        NpmiTable.load(path)


def test_what_is_no_table_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        NpmiTable.load(tmp_path / "missing")
    with pytest.raises(InputError, match="directory"):
        NpmiTable.load(tmp_path)
    save_file({"weights": np.zeros(3)}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="no NPMI table") as error:
        NpmiTable.load(tmp_path / "model.safetensors")
    one_line(error)
    (tmp_path / "text").write_text("kmer,count\n")
    with pytest.raises(InputError, match="no NPMI table"):
        NpmiTable.load(tmp_path / "text")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"alphabet": "ACGU"}, "alphabet ACGU"),
        ({"format": "dnamask-npmi-9"}, "dnamask-npmi-9"),
        ({"k": 4}, "damaged"),
        ({"min_count": 6}, "damaged"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(
    table: NpmiTable, tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    from safetensors import safe_open

    path = tmp_path / "t.npmi"
    table.save(path)
    with safe_open(path, "np") as file:
        metadata = json.loads(file.metadata()["npmi"])
    arrays = {name: np.array(getattr(table, name)) for name in ("counts", "pmi", "scores")}
    save_file(arrays, path, {"npmi": json.dumps(metadata | change)})
    with pytest.raises(InputError, match=complaint):
        NpmiTable.load(path)


def test_config_finds_the_table_and_knows_it_again(table: NpmiTable, tmp_path: Path) -> None:
    saved = table.save(tmp_path / "t.npmi")
    config = json.loads(json.dumps(saved.to_config()))
    assert NpmiTable.from_config(config).fingerprint == table.fingerprint
    assert NpmiTable.from_config(str(tmp_path / "t.npmi")).k == 3
    NpmiTable.from_sequences(SEQUENCES, k=3, min_count=6).save(tmp_path / "t.npmi")
    with pytest.raises(InputError, match="another NPMI table"):
        NpmiTable.from_config(config)
    with pytest.raises(ConfigError, match="no path"):
        NpmiTable.from_config(table.to_config())


def test_short_sequences_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(">a\nACGNACG\n")
    with pytest.raises(InputError, match=r"a\.fa: no stretch of 4 nucleotides"):
        NpmiTable.from_fasta([tmp_path / "a.fa"], 4)


@pytest.mark.parametrize("k", [1, 13])
def test_impossible_k_is_refused_before_reading(k: int) -> None:
    with pytest.raises(ConfigError, match=f"k = {k}"):
        NpmiTable.from_fasta(["missing.fa"], k)


def test_a_failed_save_leaves_the_old_table(
    table: NpmiTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.npmi"
    table.save(path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="No space left"):
        NpmiTable.from_sequences(SEQUENCES, k=2, min_count=1).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_file_on_disk_stays_readable() -> None:
    """A table as this format wrote it on its first day; if this fails, old tables no longer load."""
    table = NpmiTable.from_sequences(["ACACACACACAC"], k=2, min_count=1)
    assert table.fingerprint == "caeb5776c2b98ccb4d2dce59f13f7eace932898eff4decba8c61b258482825f8"
    assert NpmiTable.load(Path(__file__).parent / "frozen_2mer.npmi").fingerprint == table.fingerprint
