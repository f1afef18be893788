"""Sequences as a stream: whatever the file is, the same sequences come out, in bounded memory."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_data import random_dna

from dnamask_plugins.errors import InputError
from dnamask_plugins.inference.sequences import ColumnNames, Piece, read_pieces
from dnamask_plugins.inference.windows import cut

SEQUENCES = ["ACGTNACGT", "TTTTT", "GATTACA"]


def whole(
    path: Path | str, columns: ColumnNames | None = None, block: int = 1 << 20
) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for piece in read_pieces(path, columns, block=block):
        if piece.start == 0:
            found.append((piece.name, "", piece.label))
        assert piece.start == len(found[-1][1])
        assert piece.record == len(found) - 1
        found[-1] = (piece.name, found[-1][1] + piece.letters, piece.label)
    return found


FILES = {
    "fasta": ">a first\nACGTRacgt\n>b\nTTU\nTT\n>c\nGATTACA\n",
    "csv": "id,sequence,label\na,ACGTRacgt,x\nb,TTUTT,y\nc,GATTACA,x\n",
    "tsv": "label\tseq\tname\nx\tACGTRacgt\ta\ny\tTTUTT\tb\nx\tGATTACA\tc\n",
    "lines": "ACGTRacgt\nTTUTT\nGATTACA\n",
    "windows line ends": "id,sequence,label\r\na,ACGTRacgt,x\r\nb,TTUTT,y\r\n\r\nc,GATTACA,x\r\n",
    "byte order mark": "\ufeffid,sequence,label\na,ACGTRacgt,x\nb,TTUTT,y\nc,GATTACA,x\n",
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", FILES)
def test_every_form_gives_the_same_sequences(kind: str, zipped: bool, tmp_path: Path):
    content = FILES[kind].encode()
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if zipped else content)
    found = whole(path)
    assert [sequence for _, sequence, _ in found] == SEQUENCES
    names = ["sequence_1", "sequence_2", "sequence_3"] if kind == "lines" else ["a", "b", "c"]
    assert [name for name, _, _ in found] == names
    labelled = kind not in ("fasta", "lines")
    assert [label for _, _, label in found] == (["x", "y", "x"] if labelled else ["", "", ""])


@pytest.mark.parametrize(
    "header",
    ["gene,promoter,kind", "name,dna_sequence,value", "idx,sequences,y"],
    ids=["by letters", "a", "b"],
)
def test_columns_are_found_as_for_fine_tuning(header: str, tmp_path: Path):
    """A table that `finetune` read was refused by `predict`, which knew fewer names."""
    from dnamask_plugins.harness.tables.columns import find_columns
    from dnamask_plugins.harness.tables.reading import read_table

    path = tmp_path / "table.csv"
    path.write_text(f"{header}\nBRCA1,GGTATAAAGGTT,x\nTP53,ACGTACGTACGT,y\n")
    column = find_columns(read_table(path), label=(header.split(",")[2],)).sequences
    found = whole(path)
    assert [sequence for _, sequence, _ in found] == read_table(path).columns[column[0]]


def test_columns_can_be_named(tmp_path: Path):
    path = tmp_path / "odd.csv"
    path.write_text("gene,promoter,expression\nyfg1,ACGT,3.5\n")
    assert whole(path, ColumnNames("promoter", "gene", "expression")) == [("yfg1", "ACGT", "3.5")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("gene,promoter\na,ACGT\n", r"which column is the sequence\? none looks like it.*--sequence-column"),
        ("sequence,label\n", "no row"),
        ("sequence,label\nACGT,1\nACXT,1\n", "line 3: sequence position 2: 'X'"),
        ("sequence,label\nACGT,1\nACGT\n", "line 3 has 1 fields"),
        (">a\n>b\n", "holds no sequence"),
        ("\xff\xfe,sequence\n", "UTF-8|no column"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(content: str, message: str, tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=message) as error:
        whole(path)
    assert "\n" not in str(error.value)


def test_a_cut_gzip_file_and_a_missing_one_are_said(tmp_path: Path):
    path = tmp_path / "cut.fa.gz"
    path.write_bytes(gzip.compress(b">a\n" + b"ACGT" * 1000)[:-10])
    with pytest.raises(InputError, match="truncated"):
        whole(path)
    with pytest.raises(InputError, match="cannot be read"):
        whole(tmp_path / "missing.fa")


def test_a_pipe_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    path = tmp_path / "piped"
    path.write_text(FILES["fasta"])
    with path.open() as stream:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream.buffer))
        assert [sequence for _, sequence, _ in whole("-")] == SEQUENCES


@given(st.data())
def test_windows_are_those_of_the_whole_sequence_however_it_comes(data: st.DataObject):
    sequence = data.draw(st.text("ACGT", min_size=1, max_size=40))
    length = data.draw(st.integers(1, 50))
    stride = data.draw(st.integers(1, length))
    block = data.draw(st.integers(1, 50))
    pieces = [
        Piece(0, "a", "", start, sequence[start : start + block], start + block >= len(sequence))
        for start in range(0, len(sequence), block)
    ]
    windows = list(cut([*pieces, Piece(1, "b", "", 0, "ACGT", True)], length, stride))
    first = [window for window in windows if window.record == 0]
    starts = [*range(0, len(sequence) - length, stride), max(len(sequence) - length, 0)]
    assert [window.start for window in first] == starts
    assert [window.letters for window in first] == [sequence[start : start + length] for start in starts]
    assert [window.last for window in first] == [False] * (len(first) - 1) + [True]
    assert [window.number for window in windows] == list(range(len(windows)))


def test_memory_does_not_grow_with_a_chromosome(tmp_path: Path):
    path = tmp_path / "long.fa"
    line = random_dna(np.random.default_rng(0), 1000).encode() + b"\n"

    def peak(lines: int) -> int:
        with path.open("wb") as out:
            out.write(b">chromosome\n")
            out.writelines(line for _ in range(lines))
        tracemalloc.start()
        for _ in cut(read_pieces(path, block=1 << 16), 500, 500):
            pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(100)
    assert peak(2000) < 1.2 * peak(400)
