"""Any table that a user has is read and written in the harness's layout; what is wrong is one line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from table_cases import ROWS, WORDS, fasta_per_class, jsonl, kmers, parquet, table

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.harness.tables import TableOptions, import_table
from dnamask_plugins.tasks import load_tasks
from dnamask_plugins.tasks.data import read_task

FORMS: dict[str, Callable[[Path], Path]] = {
    "plain.csv": lambda p: table(p, ["sequence", "label"], ROWS),
    "words.csv": lambda p: table(p, ["sequence", "label"], [(s, WORDS[y]) for s, y in ROWS]),
    "one_based.csv": lambda p: table(p, ["sequence", "label"], [(s, y + 1) for s, y in ROWS]),
    "gap.csv": lambda p: table(p, ["sequence", "label"], [(s, 2 * y) for s, y in ROWS]),
    "float.csv": lambda p: table(p, ["sequence", "label"], [(s, float(y)) for s, y in ROWS]),
    "target.csv": lambda p: table(p, ["text", "target"], ROWS),
    "swapped.csv": lambda p: table(p, ["label", "sequence"], [(y, s) for s, y in ROWS]),
    "index.csv": lambda p: table(p, ["", "sequence", "label"], [(i, s, y) for i, (s, y) in enumerate(ROWS)]),
    "named.csv": lambda p: table(
        p, ["sequence", "name", "label"], [(s, f"r{i}", y) for i, (s, y) in enumerate(ROWS)]
    ),
    "odd_names.csv": lambda p: table(p, ["window", "is_telomere"], ROWS),
    "lower.csv": lambda p: table(p, ["sequence", "label"], [(s.lower(), y) for s, y in ROWS]),
    "kmers.csv": lambda p: table(p, ["sequence", "label"], [(kmers(s), y) for s, y in ROWS]),
    "plain.tsv": lambda p: table(p, ["sequence", "label"], ROWS, "\t"),
    "semicolon.csv": lambda p: table(p, ["sequence", "label"], ROWS, ";"),
    "marked.csv": lambda p: _with_mark(table(p, ["sequence", "label"], ROWS)),
    "plain.jsonl": lambda p: jsonl(p, [{"sequence": s, "label": y} for s, y in ROWS]),
    "plain.parquet": parquet,
    "fasta_per_class": fasta_per_class,
    "packed.csv.gz": lambda p: _gzipped(p),
}


def _with_mark(path: Path) -> Path:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return path


def _gzipped(path: Path) -> Path:
    plain = table(path.with_suffix(""), ["sequence", "label"], ROWS)
    path.write_bytes(gzip.compress(plain.read_bytes()))
    return path


@pytest.mark.parametrize("name", list(FORMS))
def test_every_form_gives_the_same_rows(name: str, tmp_path: Path):
    imported = import_table(FORMS[name](tmp_path / name), "mine", tmp_path / "out")
    assert imported.task.kind == "classification"
    assert len(imported.task.labels) == 2
    assert dict(zip(imported.sequences, imported.labels.values.tolist(), strict=True)) == dict(ROWS)
    data = read_task(imported.folder, imported.task)
    assert {split: len(rows) for split, rows in data.splits.items()} == {"train": 48, "dev": 6, "test": 6}
    written = {
        s: int(y) for part in data.splits.values() for s, y in zip(part.sequences, part.labels, strict=True)
    }
    assert written == dict(ROWS)
    assert len((tmp_path / "out" / "split.tsv").read_text().splitlines()) == 61
    again = load_tasks(tmp_path / "out" / "task.toml")[0]
    assert (again.name, again.labels, again.classes) == ("mine", imported.task.labels, 2)


def test_names_of_classes_are_those_of_the_table_and_new_numbers_are_said(tmp_path: Path):
    words = import_table(FORMS["words.csv"](tmp_path / "words.csv"), "mine", tmp_path / "a")
    assert words.task.labels == WORDS
    turned = TableOptions(class_names=WORDS[::-1])
    assert import_table(tmp_path / "words.csv", "mine", tmp_path / "b", turned).task.labels == WORDS[::-1]
    gap = import_table(FORMS["gap.csv"](tmp_path / "gap.csv"), "mine", tmp_path / "c")
    assert gap.notes == ("numbered anew from 0: 0 is 0, 2 is 1",)
    named = TableOptions(class_names=("no", "yes"))
    assert import_table(
        FORMS["plain.csv"](tmp_path / "p.csv"), "mine", tmp_path / "d", named
    ).task.labels == (
        "no",
        "yes",
    )


def test_files_of_splits_are_taken_by_their_names_and_a_missing_one_is_split_off(tmp_path: Path):
    folder = tmp_path / "data"
    for name, rows in (("train", ROWS[:40]), ("val", ROWS[40:50]), ("test", ROWS[50:])):
        table(folder / f"{name}.csv", ["sequence", "label"], rows)
    imported = import_table(folder, "mine", tmp_path / "a")
    assert imported.how_split == "by files"
    assert {s: int((imported.split == s).sum()) for s in ("train", "dev", "test")} == {
        "train": 40,
        "dev": 10,
        "test": 10,
    }
    (folder / "val.csv").unlink()
    without = import_table(folder, "mine", tmp_path / "b")
    assert (without.split == "test").sum() == 10
    assert (without.split == "dev").sum() == 4
    assert "dev split off" in without.how_split


def test_a_column_called_split_is_taken(tmp_path: Path):
    rows = [(s, y, ("train", "valid", "test")[i % 3]) for i, (s, y) in enumerate(ROWS)]
    imported = import_table(
        table(tmp_path / "t.csv", ["sequence", "label", "split"], rows), "m", tmp_path / "o"
    )
    assert imported.split.tolist() == ["train", "dev", "test"] * 20
    assert imported.how_split == "by the column 'split'"


def test_other_kinds_are_seen(tmp_path: Path):
    gc = [(s, (s.count("G") + s.count("C")) / len(s)) for s, _ in ROWS]
    imported = import_table(table(tmp_path / "r.csv", ["sequence", "value"], gc), "m", tmp_path / "a")
    assert (imported.task.kind, imported.task.metric) == ("regression", "pearson")
    several = [(s, y, int(s.count("G") > 9)) for s, y in ROWS]
    imported = import_table(
        table(tmp_path / "m.csv", ["sequence", "telo", "g_rich"], several), "m", tmp_path / "b"
    )
    assert (imported.task.kind, imported.task.labels) == ("multi_label", ("telo", "g_rich"))
    assert imported.labels.values.shape == (60, 2)
    lists = [{"sequence": s, "labels": [y, 1 - y]} for s, y in ROWS]
    options = TableOptions(kind="multi_label")
    imported = import_table(jsonl(tmp_path / "l.jsonl", lists), "m", tmp_path / "c", options)
    assert imported.task.labels == ("labels_0", "labels_1")
    pairs = [(s, t, y) for (s, y), (t, _) in zip(ROWS, ROWS[::-1], strict=True)]
    imported = import_table(table(tmp_path / "p.csv", ["seq1", "seq2", "label"], pairs), "m", tmp_path / "d")
    assert imported.task.pair
    assert imported.partners == tuple(s for s, _ in ROWS[::-1])


@pytest.mark.parametrize(
    ("header", "rows", "options", "words"),
    [
        (["sequence", "label"], [(s, 0) for s, _ in ROWS], {}, "mine: column 'label' holds one class only"),
        (["sequence", "label"], [(s, f"x{i}") for i, (s, _) in enumerate(ROWS)], {}, "is it an identifier"),
        (
            ["sequence", "label"],
            [*ROWS, ("ACXT", 1)],
            {},
            "row 61 below the header, letter 3: 'X' is no nucleotide",
        ),
        (["sequence", "label"], [*ROWS, ("", 1)], {}, "row 61 below the header: has no sequence"),
        (["sequence", "label"], [*ROWS, ("ACG", "")], {}, "row 61 below the header: has no label"),
        (["sequence", "a", "b"], [(s, y, "w") for s, y in ROWS], {}, "which column is the label"),
        (["a", "b", "label"], [(s, s, y) for s, y in ROWS], {}, "'a' and 'b' both|a and b both"),
        (["sequence", "label"], ROWS, {"label_columns": ("lable",)}, "did you mean 'label'"),
        (["sequence", "label"], ROWS, {"split_by": "chromosome"}, "no such column"),
        (["sequence", "label"], ROWS, {"metric": "pearson"}, "metric 'pearson' of a task of classification"),
        (["sequence", "label"], ROWS, {"kind": "multi_label"}, "two at least"),
        (["sequence", "label"], [(s, i) for i, (s, _) in enumerate(ROWS * 2)], {}, "classes or amounts"),
        (["sequence", "label"], [], {}, "holds no rows|cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line(header, rows, options, words: str, tmp_path: Path):
    path = table(tmp_path / "t.csv", header, rows)
    with pytest.raises(DnamaskError, match=words) as caught:
        import_table(path, "mine", tmp_path / "out", TableOptions(**options))
    assert "\n" not in str(caught.value)


def test_what_is_no_table_is_said(tmp_path: Path):
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "notes.md").write_text("x")
    (tmp_path / "one.fa").write_text(">a\nACGT\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 nonsense")
    (tmp_path / "folder").mkdir()
    for name, words in {
        "empty.csv": "is empty",
        "notes.md": "unknown kind of file",
        "one.fa": "has no label",
        "broken.parquet": "cannot be read as parquet",
        "folder": "no train file",
        "nowhere.csv": "no such file or folder",
    }.items():
        with pytest.raises(DnamaskError, match=words):
            import_table(tmp_path / name, "mine", tmp_path / "out")


def test_text_that_other_readers_take_for_missing_stays_text(tmp_path: Path):
    rows = [(s, "NA" if y else "null") for s, y in ROWS] + [("NAN", "NA"), ("NA", "null")]
    imported = import_table(table(tmp_path / "t.csv", ["sequence", "label"], rows), "m", tmp_path / "o")
    assert imported.task.labels == ("NA", "null")
    assert imported.sequences[-2:] == ("NAN", "NA")


def test_other_letters_become_n_on_request_and_it_is_said(tmp_path: Path):
    rows = [*ROWS, ("ACX-T*", 1)]
    path = table(tmp_path / "t.csv", ["sequence", "label"], rows)
    imported = import_table(path, "m", tmp_path / "o", TableOptions(other_letters_as_n=True))
    assert imported.sequences[-1] == "ACNNTN"
    assert imported.notes == ("other letters read as N in 1 rows",)
    assert np.isin(imported.split, ("train", "dev", "test")).all()
