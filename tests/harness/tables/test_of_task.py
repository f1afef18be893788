"""Task files: a minimal one works, a table is read as its file says, and one bad task harms no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from table_cases import ROWS, WORDS, table
from toy_suite import SUITE

from dnamask_plugins.cli import main
from dnamask_plugins.results.record_files import find, read


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def run(tasks: Path, data: Path, out: Path, *more: object) -> int:
    return call(
        "gue", "run", "--model", "baseline:kmers", "--gue-dir", data, "--tasks", tasks, "--out", out, *more
    )


def test_a_minimal_file_is_enough(tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]):
    table(tmp_path / "mine.tsv", ["seq", "class"], [(s, WORDS[y]) for s, y in ROWS], "\t")
    (tmp_path / "mine.toml").write_text('[[task]]\nname = "mine"\ndata = "mine.tsv"\n')
    assert run(tmp_path / "mine.toml", tmp_path, tmp_path / "out") == 0
    assert "mine: 60 rows, sequence 'seq', label 'class' (classification)" in capsys.readouterr().err
    (record,) = map(read, find([tmp_path / "out" / "records"]))
    assert (record.task.name, record.task.suite, record.task.metric, record.task.classes) == (
        "mine",
        "own",
        "mcc",
        2,
    )
    quick = ("--seeds", "0", "--floors", "none", "--set", "max_steps=2")
    arguments = ("finetune", tmp_path / "mine.toml", "--model", tiny_model, "-o", tmp_path / "tuned", *quick)
    assert call(*arguments) == 0
    assert (tmp_path / "tuned" / "model" / "config.json").is_file()


def test_the_file_says_how_its_table_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rows = [(s, f"chr{i % 4}", y, y) for i, (s, y) in enumerate(ROWS)]
    table(tmp_path / "a.csv", ["window", "chromosome", "first", "second"], rows)
    content = """
[[task]]
name = "own/a"
data = "a.csv"
metric = "accuracy"
[task.table]
label = "second"
labels = ["no", "yes"]
split_by = "chromosome"
test_values = ["chr2"]
dev_values = ["chr1"]
"""
    (tmp_path / "mine.toml").write_text(content)
    assert run(tmp_path / "mine.toml", tmp_path, tmp_path / "out") == 0
    assert "label 'second'" in capsys.readouterr().err
    (record,) = map(read, find([tmp_path / "out" / "records"]))
    assert (record.task.metric, record.task.test_rows) == ("accuracy", 15)
    (tmp_path / "mine.toml").write_text(content.replace("split_by", "splitby"))
    assert run(tmp_path / "mine.toml", tmp_path, tmp_path / "other") == 2
    assert "did you mean 'split_by'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "separator", "header", "rows"),
    [
        (("train.csv", "val.csv", "test.csv"), ",", ["sequence", "label"], ROWS),
        (("train.csv", "test.csv"), ",", ["sequence", "label"], ROWS),
        (("train.tsv", "dev.tsv", "test.tsv"), "\t", ["sequence", "label"], ROWS),
        (("train.csv", "dev.csv", "test.csv"), ",", ["sequence", "label"], [(s, WORDS[y]) for s, y in ROWS]),
        (
            ("train.csv", "dev.csv", "test.csv"),
            ",",
            ["id", "sequence", "label"],
            [(i, *r) for i, r in enumerate(ROWS)],
        ),
        (("train.csv", "dev.csv", "test.csv"), ",", ["sequence", "label", "gene"], [(*r, "g") for r in ROWS]),
    ],
)
def test_files_in_other_forms_are_read_where_those_of_the_layout_would_lie(
    names, separator: str, header, rows, tmp_path: Path
):
    for number, name in enumerate(names):
        table(tmp_path / "data" / "own" / "a" / name, header, rows[20 * number : 20 * number + 20], separator)
    (tmp_path / "mine.toml").write_text('[[task]]\nname = "own/a"\nmetric = "mcc"\n')
    assert run(tmp_path / "mine.toml", tmp_path / "data", tmp_path / "out") == 0
    assert len(find([tmp_path / "out" / "records"])) == 1


def test_one_class_is_said_and_the_other_tasks_stand(
    toy_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    table(tmp_path / "one.csv", ["sequence", "label"], [(s, 0) for s, _ in ROWS])
    for split in ("train", "dev", "test"):
        table(
            toy_suite.parent / "data" / "toy" / "flat" / f"{split}.csv",
            ["sequence", "label"],
            [(s, 0) for s, _ in ROWS],
        )
    more = '\n[[task]]\nname = "toy/one"\ndata = "one.csv"\n\n[[task]]\nname = "toy/flat"\nmetric = "mcc"\n'
    toy_suite.write_text(SUITE + more)
    assert run(toy_suite, toy_suite.parent / "data", tmp_path / "out") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "failed: toy/one: column 'label' holds one class only" in said
    assert "failed: toy/flat seed 0:" in said
    assert "all 60 rows have label 0" in said
    assert {record.task.name for record in map(read, find([tmp_path / "out" / "records"]))} == {
        "toy/motif",
        "toy/other",
    }


def test_the_files_of_the_nucleotide_transformer_are_read_as_they_are(tmp_path: Path):
    """FASTA with the label after the last bar of a header, as the loading script of the data set reads it."""
    folder = tmp_path / "data" / "NT" / "enhancers"
    folder.mkdir(parents=True)
    for split, rows in (("train", ROWS[:40]), ("test", ROWS[40:])):
        text = "".join(f">peak|{number}|{y}\n{s}\n" for number, (s, y) in enumerate(rows))
        (folder / f"{split}.fna").write_text(text)
    arguments = ("gue", "run", "--model", "baseline:kmers", "--gue-dir", tmp_path / "data")
    assert call(*arguments, "--tasks", "NT/enhancers", "--out", tmp_path / "out") == 0
    (record,) = map(read, find([tmp_path / "out" / "records"]))
    assert (record.task.suite, record.task.test_rows) == ("nucleotide_transformer", 20)
