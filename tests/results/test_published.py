"""Published figures of any lab, through the command: every row is taken or refused with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dnamask_plugins.cli import app
from dnamask_plugins.errors import InputError
from dnamask_plugins.results import record_files
from dnamask_plugins.results.published import read_published
from dnamask_plugins.results.verify import verify

GOOD = """Model,dataset,score,paper,steps,strategy
Other-DNA,EMP/H3,79.2,"Somebody et al., 2026",50_000,span
Other-DNA,virus/covid,70.0,"Somebody et al., 2026","50,000",span
"""


def table(folder: Path, text: str) -> Path:
    path = folder / "figures.csv"
    path.write_text(text)
    return path


def add(folder: Path, text: str, *more: str):
    command = ["results", "add-published", str(table(folder, text)), "-o", str(folder / "out"), *more]
    return CliRunner().invoke(app, command)


def test_a_lab_that_nobody_foresaw_adds_its_figures_once(tmp_path: Path):
    done = add(tmp_path, GOOD)
    assert done.exit_code == 0, done.output
    assert "2 records added" in done.stdout
    paths = record_files.find([tmp_path / "out"])
    records = {record.task.name: record for record in map(record_files.read, paths)}
    assert records["EMP/H3"].mean == 0.792
    assert records["EMP/H3"].model.pretraining_steps == 50_000
    assert records["virus/covid"].task.metric == "f1_macro"
    assert all(verify(path).problems == () for path in paths)
    assert "0 records added" in add(tmp_path, GOOD).stdout


BAD_ROWS = {
    "171": ("Other-DNA,EMP/H3,171", "171 is no MCC x 100, which lies in -100 to 100"),
    "-3 of F1": ("Other-DNA,virus/covid,-3", "-3 is no macro-F1 x 100, which lies in 0 to 100"),
    "no number": ("Other-DNA,EMP/H3,n/a", "'n/a' is no number"),
    "nan": ("Other-DNA,EMP/H3,nan", "nan is no MCC"),
    "unknown task": ("Other-DNA,EMP/H33,50", "task 'EMP/H33' is none of gue; did you mean"),
    "a mean": ("Other-DNA,MEAN_28,50", "task 'MEAN_28' is none of gue"),
    "no model": (",EMP/H3,50", "no model"),
    "control character": ("bad\x1b[2J,EMP/H3,50", "at model/name"),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_row_is_named_and_nothing_is_written(tmp_path: Path, kind: str):
    row, says = BAD_ROWS[kind]
    text = f"model,task,value\nOther-DNA,EMP/H4,80\n{row}\n"
    done = add(tmp_path, text, "--source", "a paper")
    assert done.exit_code == 2
    assert f"row 3: {says}" in done.stderr
    assert "nothing written: 1 of 2 rows refused" in done.stdout
    assert not (tmp_path / "out").exists()
    kept = add(tmp_path, text, "--source", "a paper", "--keep-good")
    assert kept.exit_code == 0
    assert "1 records added" in kept.stdout
    assert "1 rows refused" in kept.stdout


def test_none_taken_is_exit_code_2_even_so(tmp_path: Path):
    done = add(tmp_path, "model,task,value,source\nm,x/1,50,p\n", "--keep-good")
    assert done.exit_code == 2
    assert "nothing written: 1 of 1 rows refused" in done.stdout


def test_the_same_figure_twice_is_refused(tmp_path: Path):
    done = add(tmp_path, "model,task,value,source\nm,EMP/H3,50,p\nm,emp/h3,51,p\n")
    assert "row 3: the same model and task as row 2" in done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("model,task,value\nm,EMP/H3,5\n", "no column source"),
        ("model,task,value,source,mood\nm,EMP/H3,5,p,good\n", "column 'mood'"),
        ("model,task,dataset,value,source\nm,EMP/H3,EMP/H3,5,p\n", "two columns 'task'"),
        ("model,task,value,source\nm,EMP/H3,5\n", "row 2 has 3 fields, not 4"),
    ],
)
def test_a_bad_table_is_one_line(tmp_path: Path, text: str, says: str):
    with pytest.raises(InputError, match=says):
        read_published(table(tmp_path, text))
