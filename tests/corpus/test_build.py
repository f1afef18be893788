"""The corpus: every letter where it belongs, complete or absent, the same again for the same input."""

from __future__ import annotations

import gzip
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dnamask_plugins.corpus import build as build_module
from dnamask_plugins.corpus.build import BuildOptions, build_corpus
from dnamask_plugins.corpus.bundled import bundled_genomes
from dnamask_plugins.corpus.fasta import read_fasta
from dnamask_plugins.corpus.split import SplitOptions
from dnamask_plugins.corpus.store import CorpusStore
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.nucleotides import decode_codes


def text_of(store: CorpusStore, start: int, length: int) -> str:
    codes, soft = store.read(start, start + length)
    return "".join(
        letter.lower() if low else letter for letter, low in zip(decode_codes(codes), soft, strict=True)
    )


def check_against(store: CorpusStore, sequences: dict[str, str]) -> None:
    names = store.index["records"]
    assert len(store.regions) > 0
    for start, length, record, origin in zip(
        store.regions.start, store.regions.length, store.regions.record, store.regions.origin, strict=True
    ):
        assert text_of(store, start, length) == sequences[names[record]][origin : origin + length]


def test_every_region_holds_the_letters_of_its_place(store: CorpusStore, sequences: dict[str, str]) -> None:
    check_against(store, sequences)
    store.verify()


def test_regions_are_the_runs_that_are_long_enough(
    fasta: Path, sequences: dict[str, str], tmp_path: Path
) -> None:
    store = build_corpus([fasta], tmp_path / "c", BuildOptions(split=SplitOptions(validation_fraction=0)))
    expected = [
        (number, match.start(), match.end() - match.start())
        for number, text in enumerate(sequences.values())
        for match in re.finditer("[ACGTacgt]{64,}", text)
    ]
    regions = store.regions
    assert list(zip(regions.record, regions.origin, regions.length, strict=True)) == expected
    assert not regions.validation.any()


def test_soft_masked_stretches_are_kept_or_left_out(
    fasta: Path, sequences: dict[str, str], tmp_path: Path
) -> None:
    store = build_corpus([fasta], tmp_path / "c", BuildOptions(exclude_soft_masked=True))
    check_against(store, sequences)
    assert not any(store.read(0, len(store))[1])
    assert len(store) == sum(len(re.findall("[ACGT]", text)) for text in sequences.values())


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_block_size_does_not_matter(
    fasta: Path, store: CorpusStore, tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = build_module.FastaSource.chunks
    small = tmp_path / "small.fa"
    records = list(read_fasta(fasta))
    # One-byte blocks are slow: a part of the file will do for them.
    small.write_bytes(b"".join(b">%s\n%s\n" % (r.name.encode(), r.sequence[:2000]) for r in records))
    whole = build_corpus([small], tmp_path / "whole")
    monkeypatch.setattr(build_module.FastaSource, "chunks", lambda self: chunks(self, block))
    assert build_corpus([small], tmp_path / "pieces").fingerprint == whole.fingerprint


def test_at_most_one_byte_a_nucleotide_on_disk(tmp_path: Path) -> None:
    store = build_corpus([bundled_genomes()["fly"]], tmp_path / "c")
    assert sum(file.stat().st_size for file in store.folder.iterdir()) < 0.51 * len(store)


def test_no_validation_nucleotide_is_in_training(store: CorpusStore) -> None:
    owner = np.zeros(len(store), dtype=int)
    for name, label in (("train", 1), ("validation", 2)):
        regions = store.split(name)
        for start, length in zip(regions.start, regions.length, strict=True):
            assert (owner[start : start + length] == 0).all()
            owner[start : start + length] = label
    share = (owner == 2).sum() / len(store)
    assert 0.15 < share <= 0.2
    assert store.index["split"]["validation_nucleotides"] == (owner == 2).sum()


@pytest.mark.parametrize("name", ["fly", "s_aureus"])
def test_borders_cost_no_more_than_agreed(name: str, tmp_path: Path) -> None:
    store = build_corpus([bundled_genomes()[name]], tmp_path / "c")
    split = store.index["split"]
    assert split["validation_blocks"] > 5
    # By hand: places for a window of 510 in the runs, and in what is left of them.
    text = "".join(record.sequence.decode() for record in read_fasta(bundled_genomes()[name])).upper()
    uncut = sum(max(0, len(run) - 509) for run in re.findall("[ACGT]+", text))
    left = int(np.maximum(store.regions.length - 509, 0).sum())
    assert 0 < 1 - left / uncut <= 0.01
    assert split["lost_at_borders"] == pytest.approx(1 - left / uncut, abs=1e-6)


def test_several_files_keep_their_order_and_provenance(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(">x\n" + "ACGTA" * 40 + "\n")
    (tmp_path / "b.fa.gz").write_bytes(gzip.compress((">x\n" + "CCTGA" * 50 + "\n").encode()))
    options = BuildOptions(split=SplitOptions(validation_fraction=0))
    store = build_corpus([tmp_path / "a.fa", tmp_path / "b.fa.gz"], tmp_path / "c", options)
    assert [source["file"] for source in store.index["sources"]] == ["a.fa", "b.fa.gz"]
    assert store.regions.length.tolist() == [200, 250]
    assert text_of(store, 200, 5) == "CCTGA"


def test_a_run_ends_with_its_record(tmp_path: Path) -> None:
    # The second run begins where the first would go on, if they were of one record.
    (tmp_path / "a.fa").write_text(f">a\n{'ACGT' * 20}\n>b\n{'N' * 80}{'CCGT' * 20}\n")
    store = build_corpus([tmp_path / "a.fa"], tmp_path / "c", BuildOptions(split=SplitOptions(0)))
    assert store.regions.record.tolist() == [0, 1]
    assert store.regions.origin.tolist() == [0, 80]


def test_the_same_again_is_not_built_twice(fasta: Path, tmp_path: Path) -> None:
    first = build_corpus([fasta], tmp_path / "c")
    before = (tmp_path / "c" / "index.json").stat()
    read: list[int] = []
    again = build_corpus([fasta], tmp_path / "c", progress=read.append)
    assert again.fingerprint == first.fingerprint
    assert not read
    assert (tmp_path / "c" / "index.json").stat().st_ino == before.st_ino
    with pytest.raises(InputError, match="other files or options"):
        build_corpus([fasta], tmp_path / "c", BuildOptions(exclude_soft_masked=True))
    other = build_corpus([fasta], tmp_path / "c", BuildOptions(exclude_soft_masked=True), overwrite=True)
    assert other.fingerprint != first.fingerprint
    assert [entry.name for entry in tmp_path.iterdir()] == ["c"]


def test_a_folder_with_other_things_is_left_alone(fasta: Path, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(InputError, match="is no corpus"):
        build_corpus([fasta], tmp_path, overwrite=True)
    with pytest.raises(InputError, match="no such folder"):
        build_corpus([fasta], tmp_path / "precious.txt")
    assert (tmp_path / "precious.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "holds no sequence"),
        (b">a\nACGT\n", "no stretch of 64"),
        (b">a\n" + b"N" * 1000 + b"\n", "no stretch of 64"),
        (gzip.compress(b">a\n" + os.urandom(0) + b"ACGTTGCA" * 500, mtime=0)[:-4], "truncated"),
        (b"\x7fELF\x00\x01", "no FASTA"),
    ],
)
def test_bad_input_leaves_nothing_behind(content: bytes, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        build_corpus([tmp_path / "a.fa"], tmp_path / "c")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.fa"]


def test_a_full_disk_leaves_the_old_corpus(
    fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_corpus([fasta], tmp_path / "c")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build_module._Writer, "_put", full)
    with pytest.raises(InputError, match="No space left"):
        build_corpus([fasta], tmp_path / "c", BuildOptions(exclude_soft_masked=True), overwrite=True)
    monkeypatch.undo()
    assert CorpusStore.open(tmp_path / "c").fingerprint == first.fingerprint
    assert [entry.name for entry in tmp_path.iterdir()] == ["c"]


def test_a_killed_build_leaves_no_corpus_and_the_next_one_cleans_up(fasta: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = (
        "import sys; from dnamask_plugins.corpus.build import build_corpus; "
        "build_corpus([sys.argv[1]], sys.argv[2])"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(pipe), str(tmp_path / "c")])
    with open(pipe, "wb") as handle:
        handle.write(b">a\n" + b"ACGT" * 1000)
        handle.flush()
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".c.partial-*/nucleotides.bin")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    pipe.unlink()
    left = {f".c.partial-{platform.node()}-{process.pid}", ".c.lock"}  # a lock that nobody holds any more
    assert {entry.name for entry in tmp_path.iterdir()} == left
    with pytest.raises(InputError, match="no such folder"):
        CorpusStore.open(tmp_path / "c")
    build_corpus([fasta], tmp_path / "c")
    assert [entry.name for entry in tmp_path.iterdir()] == ["c"]


def test_damage_is_noticed(fasta: Path, tmp_path: Path) -> None:
    folder = build_corpus([fasta], tmp_path / "c").folder
    nucleotides = folder / "nucleotides.bin"
    content = nucleotides.read_bytes()
    nucleotides.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(InputError, match="damaged"):
        CorpusStore.open(folder).verify()
    nucleotides.write_bytes(content[:-1])
    with pytest.raises(InputError, match="damaged"):
        CorpusStore.open(folder)
    nucleotides.write_bytes(content)
    regions = folder / "regions.safetensors"
    regions.write_bytes(regions.read_bytes()[:-5])
    with pytest.raises(InputError, match="damaged"):
        CorpusStore.open(folder)
    regions.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        CorpusStore.open(folder)
    (folder / "index.json").write_text("{")
    with pytest.raises(InputError, match="no index"):
        CorpusStore.open(folder)
    (folder / "index.json").write_text(json.dumps({"format": "dnamask-corpus-9"}))
    with pytest.raises(InputError, match="dnamask-corpus-9"):
        CorpusStore.open(folder)


def test_options_that_cannot_hold_are_refused(store: CorpusStore) -> None:
    with pytest.raises(ConfigError, match="below 64"):
        BuildOptions(shortest_region=63)
    with pytest.raises(ConfigError, match="did you mean 'validation'"):
        store.split("validaton")
    with pytest.raises(ConfigError, match="outside the corpus"):
        store.read(0, len(store) + 1)
