from __future__ import annotations

from pathlib import Path

import pytest

from dnamask_plugins.errors import InputError
from dnamask_plugins.results import papers, record_files
from dnamask_plugins.results.leaderboard import aggregate
from dnamask_plugins.tasks import gue

REGISTRY = Path(__file__).resolve().parents[2] / "registry" / "results"

CM_GEMS = """species,task,dataset,model,mcc
Human,PD (Human),no tata,DNABERT-CM-GEMS-10K,92.41
Human,CPD (Human),tata,DNABERT-CM-GEMS-10K,83.50
Human,Splice,Reconstruct,DNABERT-CM-GEMS-10K,84.12
Human,TFP (Human),4,DNABERT-CM-GEMS-10K,72.60
Human,Mean (Human),mean,DNABERT-CM-GEMS-10K,1.00
non-Human,EMP (Yeast),H3,LOGO-CM-GEMS-10K,-3.5
"""
DNABERT2 = """model,dataset,metric,value,source
DNABERT-2,virus/covid,f1_macro,71.02,DNABERT-2 paper Table 4 (x)
DNABERT-2+GUE-pretrain,EMP/H3,mcc,80.17,DNABERT-2 paper Table 4 (x)
DNABERT-2,MEAN_28,mean,66.80,DNABERT-2 paper Table 4 (x)
HyenaDNA,EMP/H3,mcc,67.17,UNVERIFIED second-hand plot script
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(text)
    return path


def test_tasks_are_named_as_gue_names_them(tmp_path):
    figures, left_out = papers.read_table(write(tmp_path, CM_GEMS))
    assert [(figure.task, figure.printed) for figure in figures] == [
        ("prom/prom_300_notata", "92.41"),
        ("prom/prom_core_tata", "83.50"),
        ("splice/reconstructed", "84.12"),
        ("tf/4", "72.60"),
        ("EMP/H3", "-3.5"),
    ]
    assert left_out == 1


def test_means_and_unseen_figures_are_left_out(tmp_path):
    figures, left_out = papers.read_table(write(tmp_path, DNABERT2))
    assert [figure.model for figure in figures] == ["DNABERT-2", "DNABERT-2+GUE-pretrain"]
    assert left_out == 2
    standard, further = (papers.record_of(figure) for figure in figures)
    assert (standard.mean, standard.task.metric, standard.provenance.printed) == (0.7102, "f1_macro", "71.02")
    assert standard.model.track == "standard"
    assert further.model.track == "gue_pretrained"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (CM_GEMS.replace("92.41", "n/a"), "row 2: 'n/a'"),
        (CM_GEMS.replace("83.50", "835.0"), "row 3: '835.0'"),
        (CM_GEMS.replace("tata", "tatata"), "row 2"),
        ("a,b\n1,2\n", "row 1"),
        ("", "row 1"),
        (CM_GEMS.replace("LOGO-CM-GEMS-10K", "LOGO-11K"), "does not describe 'LOGO-11K'"),
    ],
)
def test_a_bad_table_is_named_with_its_row(tmp_path, text, says):
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=says):
        papers.write_all([path], tmp_path / "out")


def test_command_writes_the_same_files_again(tmp_path, capsys):
    path = write(tmp_path, CM_GEMS)
    assert papers._main([str(path), "-o", str(tmp_path / "out")]) == 0
    first = {file: file.read_bytes() for file in (tmp_path / "out").rglob("*.json")}
    assert papers._main([str(path), "-o", str(tmp_path / "out")]) == 0
    assert {file: file.read_bytes() for file in (tmp_path / "out").rglob("*.json")} == first
    assert "5 figures" in capsys.readouterr().out
    assert papers._main([str(tmp_path / "missing.csv"), "-o", str(tmp_path)]) == 2


def test_committed_figures_are_those_of_the_tables(tmp_path, shared_data):
    tables = sorted((shared_data / "published").glob("*.csv"))
    total, _ = papers.write_all(tables, tmp_path)
    made, committed = (
        sorted(
            (each.model.name, each.task.name, each.mean, each.provenance.printed, each.provenance.source)
            for each in map(record_files.read, record_files.find([folder]))
            if each.source == "published"
        )
        for folder in (tmp_path, REGISTRY)
    )
    assert total == len(made) == 604
    assert made == committed


def test_committed_tables_are_whole_and_means_are_computed_from_them():
    committed = map(record_files.read, record_files.find([REGISTRY]))
    board = aggregate(record for record in committed if record.source == "published")
    tables = {table.track: table for table in board.tables}
    assert len(tables["standard"].entries) == 21
    assert [entry.model.name for entry in tables["gue_pretrained"].entries] == ["DNABERT-2+GUE-pretrain"]
    column = {column.label: column for column in tables["standard"].columns}
    names = {task.name for task in gue() if task.metric == "mcc"}
    assert set(column["All"].tasks) == names
    of = {entry.model.name: entry for entry in tables["standard"].entries}
    gems = of["DNABERT-CM-GEMS-10K"]
    human = [gems.records[task].mean for task in column["Human"].tasks]
    assert len(human) == 12
    assert gems.score(column["Human"]).value == pytest.approx(sum(human) / 12)
    # DNABERT-2's table prints a virus figure, the CM-GEMS table has none.
    covid = column["Covid variant"]
    assert gems.score(covid).value is None
    assert of["DNABERT-2"].score(covid).value == 0.7102
