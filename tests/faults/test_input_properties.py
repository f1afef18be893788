"""What holds for any file: a round trip where it is one of ours, an error of ours where it is not."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import hostile_inputs
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dnamask_plugins.config import parse_assignment
from dnamask_plugins.corpus.fasta import FastaSource, read_fasta
from dnamask_plugins.errors import InputError
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.tasks import Task
from dnamask_plugins.tasks.data import read_labelled

quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
names = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Z", "C"]), min_size=1
)
letters = st.text("ACGTNacgtn", min_size=1, max_size=150)
genomes = st.dictionaries(names, letters, min_size=1, max_size=5)


@quick
@given(genomes, st.integers(1, 80), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.booleans())
def test_fasta_comes_back_whatever_its_layout(
    genome: dict[str, str], width: int, end: str, packed: bool, ends: bool
) -> None:
    lines = []
    for name, sequence in genome.items():
        lines.append(f">{name} described")
        lines += [sequence[start : start + width] for start in range(0, len(sequence), width)]
    data = (end.join(lines) + end * ends).encode()
    path = hostile_inputs.written("x.fa", gzip.compress(data) if packed else data)
    assert [(each.name, each.sequence.decode()) for each in read_fasta(path)] == list(genome.items())


@quick
@given(
    st.lists(st.tuples(st.text("ACGTN", min_size=1, max_size=60), st.integers(0, 3)), min_size=1),
    st.booleans(),
)
def test_a_table_of_labels_comes_back(rows: list[tuple[str, int]], packed: bool) -> None:
    data = "sequence,label\n" + "".join(f"{sequence},{label}\n" for sequence, label in rows)
    content = gzip.compress(data.encode()) if packed else data.encode()
    read = read_labelled(hostile_inputs.written("x.csv", content), Task("toy/any", "toy", "mcc"))
    assert list(zip(read.sequences, read.labels.tolist(), strict=True)) == rows


@pytest.mark.parametrize("name", hostile_inputs.TARGETS)
@settings(quick, max_examples=60)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    hostile_inputs.TARGETS[name](data)


@pytest.mark.parametrize("name", hostile_inputs.TARGETS)
@settings(quick, max_examples=60)
@given(draw=st.data())
def test_a_damaged_file_is_read_or_refused(name: str, draw: st.DataObject) -> None:
    cases = sorted((Path(__file__).parent / "cases" / name).glob("*"))
    data = bytearray(draw.draw(st.sampled_from(cases)).read_bytes()[:4000])
    assume(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data) - 1))
        match draw.draw(st.sampled_from(["flip", "cut", "repeat", "insert"])):
            case "flip":
                data[at] ^= 1 << draw.draw(st.integers(0, 7))
            case "cut":
                del data[at + 1 :]
            case "repeat":
                data[at:at] = data[max(at - 40, 0) : at]
            case "insert":
                data[at:at] = draw.draw(st.binary(max_size=8))
    hostile_inputs.TARGETS[name](bytes(data))


@quick
@given(st.recursive(st.integers(-(2**63), 2**63 - 1) | st.booleans(), st.lists, max_leaves=8))
def test_an_assignment_comes_back(value: object) -> None:
    text = str(value).replace("True", "true").replace("False", "false")
    assert parse_assignment(f"a.b={text}") == {"a": {"b": value}}


@quick
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_a_table_comes_back_bit_by_bit(seed: int, k: int) -> None:
    assume(k > 1)
    counts = np.random.default_rng(seed).integers(0, 500, 4**k)
    path = hostile_inputs.scratch() / "table.safetensors"
    saved = NpmiTable.from_counts(counts, k, min_count=3).save(path)
    assert NpmiTable.load(path).fingerprint == saved.fingerprint


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b">a\nAC\0GT\n", "record 'a', position 2"),
        (b">a\nAC\xe9GT\n", "position 2"),
        (gzip.compress(b">a\n" + b"ACGT" * 500 + b"\n", mtime=0)[:-4], "truncated"),
        (b"", "no sequence"),
    ],
)
def test_the_usual_accidents_are_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "x.fa"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        list(read_fasta(path))
    assert "x.fa" in str(caught.value)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_record_of_one_base_is_a_record(tmp_path: Path, end: bytes) -> None:
    (tmp_path / "x.fa").write_bytes(b">a" + (end or b"\n") + b"G" + end)
    assert [each.sequence for each in read_fasta(tmp_path / "x.fa")] == [b"G"]


def test_a_very_long_line_takes_no_memory(tmp_path: Path) -> None:
    size = 40_000_000
    path = tmp_path / "long.fa"
    path.write_bytes(b">chromosome\n" + b"ACGT" * (size // 4))
    next(FastaSource(path).chunks())  # compiles
    tracemalloc.start()
    total = sum(chunk.packed.size for chunk in FastaSource(path).chunks())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == size
    assert peak < 12_000_000
