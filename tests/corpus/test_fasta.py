"""FASTA against what the format says, broken in every way that files break."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.corpus.bundled import bundled_genomes
from dnamask_plugins.corpus.fasta import FastaSource, Letters, pack, read_fasta, unpack
from dnamask_plugins.corpus.sources import file_sha256
from dnamask_plugins.errors import InputError

SEQUENCE = "".join(random.Random(5).choices("ACGTacgtN", k=3000))


def records(path: Path) -> list[tuple[str, bytes]]:
    return [(record.name, record.sequence) for record in read_fasta(path)]


def write(folder: Path, content: bytes | str, name: str = "a.fa") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (">a\nACGT\n", [("a", b"ACGT")]),
        (">a first one\r\nAC\r\nGT\r\n>b\r\nG\r\n", [("a", b"ACGT"), ("b", b"G")]),
        (">a\rAC\rGT\r>b\rG", [("a", b"ACGT"), ("b", b"G")]),
        (">a\nACgtNnryACu", [("a", b"ACgtNnnnACt")]),
        ("\n\n>a\n\nAC\n \nG T\t\n\n", [("a", b"ACGT")]),
        ("\ufeff>a\nAC\n", [("a", b"AC")]),
        (">\nAC\n> b\nG\n", [("record_1", b"AC"), ("b", b"G")]),
        (">gène\nAC\n", [("gène", b"AC")]),
        (">a > b\nAC\n", [("a", b"AC")]),
    ],
)
def test_what_the_format_allows(content: str, expected: list[tuple[str, bytes]], tmp_path: Path) -> None:
    assert records(write(tmp_path, content)) == expected
    assert records(write(tmp_path, gzip.compress(content.encode()), "a.txt")) == expected


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "holds no sequence"),
        (b"\n \n", "holds no sequence"),
        (gzip.compress(b"", mtime=0), "holds no sequence"),
        (b"ACGT\n", "does not begin with '>'"),
        (b"hello", "does not begin with '>'"),
        (bytes(range(256)), "does not begin with '>'"),
        (b"@read\nACGT\n+\nIIII\n", "looks like FASTQ"),
        (
            b">a\nAC\nGT-A\n",
            "record 'a', position 4: '-' is no nucleotide letter; 'dnamask corpus build --drop-gaps'",
        ),
        (b">a\nACXT\n", "record 'a', position 2: 'X' is no nucleotide letter; 'dnamask corpus build --unkn"),
        (b">a\nAC*GT\n", "record 'a', position 2: '*'"),
        (b">a\nAC**\n", "record 'a', position 2: '*'"),
        (b">a\n*AC\n", "record 'a', position 0: '*'"),
        (b">a\n>b\n", "holds no sequence"),
        (bz2.compress(f">a\n{SEQUENCE}\n".encode())[:-9], "truncated or corrupt"),
        (lzma.compress(f">a\n{SEQUENCE}\n".encode())[:-9], "truncated or corrupt"),
        (b"BZh91AY&SYxxxxxxxxxxxxxxx", "cannot be read"),
        (b"\xfd7zXZ\x00xxxxxxxxxxxxxx", "truncated or corrupt"),
        (b">a\nAC>b\nGT\n", "record 'a', position 2: '>'"),
        (b">a\nAC\n>b\nG\0T\n", "record 'b', position 1: byte 0x00"),
        (b">a\nAC\xe9T\n", "record 'a', position 2: byte 0xe9"),
        (b">a\nAC\n>b\0\nAC\n", "header 2 holds a NUL"),
        (b">" + b"x" * 100_000 + b"\nAC\n", "header 1 is longer than"),
        (b">a\nMKLV*\n", "record 'a', position 2: 'L'"),
        (b"PK\x03\x04abcdef", "zip archive"),
        (b"\x28\xb5\x2f\xfd0000", "zstd"),
        (gzip.compress(f">a\n{SEQUENCE}\n".encode(), mtime=0)[:-9], "truncated or corrupt"),
        (gzip.compress(f">a\n{SEQUENCE}\n".encode(), mtime=0)[:500], "truncated or corrupt"),
        (gzip.compress(b">a\nACGT\n", mtime=0)[:5], "truncated or corrupt"),
        (gzip.compress(b">a\nACGT\n", mtime=0) + b"garbage", "truncated or corrupt"),
        (gzip.compress(b">a\nACGT\n", mtime=0)[:-8] + b"\0" * 8, "truncated or corrupt"),
        (gzip.compress(b"hello", mtime=0), "does not begin with '>'"),
    ],
)
def test_each_fault_is_one_line_that_names_the_file(content: bytes, complaint: str, tmp_path: Path) -> None:
    path = write(tmp_path, content)
    with pytest.raises(InputError) as error:
        records(path)
    assert complaint in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "expected", "said"),
    [
        (b"; by hand\n>a\nAC\n;x\nGT\n", [("a", b"ACGT")], "comment lines skipped: 2"),
        (b">a\n>b\nAC\n>c\n", [("b", b"AC")], "records without sequence left out: 2"),
        (b">a x\nAC\n>a y\nGT\n>a_2\nTT\n", [("a", b"AC"), ("a_2", b"GT"), ("a_2_2", b"TT")], "numbered"),
        (b">caf\xe9\nAC\n", [("caf\xe9", b"AC")], "headers in Latin-1: 1"),
        (b">a\nAC*\n>b\nGT\n*", [("a", b"AC"), ("b", b"GT")], "final stars left out: 2"),
    ],
)
@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_harmless_oddities_are_read_and_said(
    content: bytes, expected: list[tuple[str, bytes]], said: str, block: int, tmp_path: Path
) -> None:
    path = write(tmp_path, content)
    with pytest.warns(UserWarning, match=f"a.fa: .*{said}"):
        assert records(path) == expected
    pieces: dict[str, bytes] = {}
    with pytest.warns(UserWarning, match=said):
        chunks = list(FastaSource(path).chunks(block))
    for chunk in chunks:
        letters = bytes(b"ACGTN"[code] for code in unpack(chunk.packed)[0])
        pieces[chunk.name] = pieces.get(chunk.name, b"") + letters
    assert list(pieces.items()) == expected


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_told_apart_by_content(
    compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = write(tmp_path, compress(f">a\n{SEQUENCE}\n".encode()), "no_suffix")
    assert records(path) == [("a", SEQUENCE.encode())]
    two = write(tmp_path, compress(b">a\nAC\n") + compress(b">b\nGT\n"), "two")
    assert records(two) == [("a", b"AC"), ("b", b"GT")]


def test_other_letters_are_read_on_request(tmp_path: Path) -> None:
    path = write(tmp_path, b">a\nAC-X.x?T\n")
    letters = Letters(unknown_as_n=True, drop_gaps=True)
    packed = np.concatenate([chunk.packed for chunk in FastaSource(path, letters=letters).chunks()])
    codes, soft = unpack(packed)
    assert codes.tolist() == [0, 1, 4, 4, 4, 3]
    assert soft.tolist() == [False, False, False, True, False, False]


def test_missing_file_and_folder_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.fa: cannot be read \(No such file"):
        records(tmp_path / "nothing.fa")
    with pytest.raises(InputError, match="cannot be read"):
        records(tmp_path)


@settings(deadline=None)
@given(
    st.lists(st.text("ACGTNacgtn", min_size=1, max_size=90), min_size=1, max_size=5),
    st.integers(1, 30),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 40),
)
def test_any_line_width_line_end_and_block_size(
    tmp_path_factory: pytest.TempPathFactory, sequences: list[str], width: int, end: str, block: int
) -> None:
    text = ""
    for number, sequence in enumerate(sequences):
        lines = [sequence[start : start + width] for start in range(0, len(sequence), width)]
        text += end.join([f">s{number} some words", *lines]) + end
    path = write(tmp_path_factory.getbasetemp(), text, "any.fa")
    assert [sequence.decode() for _, sequence in records(path)] == sequences
    pieces: dict[int, str] = {}
    for chunk in FastaSource(path).chunks(block):
        assert chunk.start == len(pieces.get(chunk.record, ""))
        assert 0 < chunk.packed.size <= block
        assert chunk.name == f"s{chunk.record}"
        codes, soft = unpack(chunk.packed)
        letters = "".join("ACGTN"[code] for code in codes)
        letters = "".join(
            letter.lower() if low else letter for letter, low in zip(letters, soft, strict=True)
        )
        pieces[chunk.record] = pieces.get(chunk.record, "") + letters
    assert list(pieces.values()) == sequences


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300), st.sampled_from([b"", b">a\n", b"\x1f\x8b"]))
def test_no_bytes_crash_the_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, start: bytes
) -> None:
    path = write(tmp_path_factory.getbasetemp(), start + content, "bytes.fa")
    with contextlib.suppress(InputError):
        found = records(path)
        assert found
        assert all(set(sequence) <= set(b"ACGTNacgtn") for _, sequence in found)


def test_blocks_of_bgzip_read_as_one(tmp_path: Path) -> None:
    text = f">a\n{SEQUENCE}\n>b\nACGT\n".encode()
    blocks = b"".join(gzip.compress(text[start : start + 700]) for start in range(0, len(text), 700))
    # bgzip ends a file with an empty block.
    path = write(tmp_path, blocks + gzip.compress(b""), "a.fa.gz")
    assert records(path) == [("a", SEQUENCE.encode()), ("b", b"ACGT")]


def test_provenance_is_that_of_the_file_as_it_lies(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b">a\nACGTN\n>b\nAC\n"))
    seen: list[int] = []
    source = FastaSource(path, seen.append)
    assert sum(chunk.packed.size for chunk in source.chunks()) == 7
    assert source.provenance() == {
        "file": "a.fa",
        "sha256": file_sha256(path),
        "records": 2,
        "nucleotides": 7,
    }
    assert sum(seen) == path.stat().st_size


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b">a\nACGT\n"))
    writer.start()
    assert records(pipe) == [("a", b"ACGT")]
    writer.join()


def test_memory_is_that_of_a_block_not_of_a_record(tmp_path: Path) -> None:
    path = write(tmp_path, b">a\n" + b"ACGT" * 2_000_000 + b"\n")
    sizes = [chunk.packed.size for chunk in FastaSource(path).chunks(1 << 16)]
    assert sum(sizes) == 8_000_000
    assert max(sizes) <= 1 << 16


def test_pack_undoes_unpack() -> None:
    packed = np.array([0, 1, 2, 3, 4, 8, 9, 10, 11, 12], dtype=np.uint8)
    np.testing.assert_array_equal(pack(*unpack(packed)), packed)


@pytest.mark.parametrize(
    ("name", "nucleotides", "lower"),
    [
        ("fly", 1_348_131, 391_633),
        ("yeast", 230_218, 29_731),
        ("h_pylori", 1_652_982, 0),
        ("s_aureus", 2_814_816, 0),
    ],
)
def test_bundled_genomes_have_their_published_lengths(name: str, nucleotides: int, lower: int) -> None:
    (record,) = read_fasta(bundled_genomes()[name])
    assert len(record.sequence) == nucleotides
    assert len(record.sequence) - sum(record.sequence.count(letter) for letter in b"ACGT") == lower


def test_reading_equals_the_readers_of_the_field() -> None:
    needletail = pytest.importorskip("needletail")
    path = bundled_genomes()["yeast"]
    (theirs,) = needletail.parse_fastx_file(str(path))
    (ours,) = read_fasta(path)
    assert ours.sequence.decode() == theirs.seq
