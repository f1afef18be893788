"""What the page opens on, what it marks, and that it needs neither Vega nor a whole suite."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest
from harness_records import FILES, MOUSE, TATA, write_record
from typer.testing import CliRunner

from dnamask_plugins.cli import app
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.results import record_files
from dnamask_plugins.results.leaderboard import aggregate, build
from dnamask_plugins.results.leaderboard.layout import TableLayout
from dnamask_plugins.results.leaderboard.relations import FILE, Relations
from dnamask_plugins.results.published import published as published_record
from dnamask_plugins.results.records import ModelInfo, Provenance, RunInfo, TaskInfo
from dnamask_plugins.tasks import gue

REGISTRY = Path(__file__).resolve().parents[2] / "registry" / "results"
STEPS = ModelInfo("m", strategy="span", pretraining_steps=1000)


def layout(folder: Path) -> TableLayout:
    read = [record_files.read(path) for path in record_files.find([folder])]
    return TableLayout.of(aggregate(read, Relations.beside([folder])).tables[0], {})


def publish_all(folder: Path, name: str = "paper-model", source: str = "a paper", value: float = 0.5) -> None:
    for task in gue():
        info = TaskInfo(task.name, "gue", task.metric, task.classes, task.species)
        record = published_record(ModelInfo(name), info, value, Provenance(source))
        record_files.write(record, (), folder)


@pytest.mark.parametrize("beside_published", [False, True])
def test_with_two_sets_measured_it_opens_on_them(tmp_path: Path, beside_published: bool):
    """Seen on the landed code: a row of dashes and an empty chart."""
    write_record(tmp_path, task=TATA, model=STEPS)
    write_record(tmp_path, task=MOUSE, model=STEPS)
    if beside_published:
        publish_all(tmp_path)
    table = layout(tmp_path)
    assert table.views[0] == ("measured", "Measured here (2)")
    there = [column.tasks for column, shown_in in table.columns if table.opens_on in shown_in]
    assert there == [("mouse/3",), ("prom/prom_core_tata",)]
    assert table.plots[0].tasks in there or table.plots[0].is_mean
    own = next(cells for entry, cells in table.rows if entry.source == "measured")
    assert all(cell.value for cell in own if table.opens_on in cell.views)
    # A column in which nobody has a figure is no column.
    assert beside_published or len(table.columns) == 2


def test_with_every_set_measured_it_opens_on_the_summary(tmp_path: Path):
    for task in gue():
        info = TaskInfo(task.name, "gue", task.metric, task.classes, task.species, data_sha256=FILES)
        write_record(tmp_path, task=info, model=STEPS)
    assert layout(tmp_path).views[0] == ("summary", "Summary")


def test_without_vega_there_is_a_page_without_a_chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In the base installation: seen on the landed code, an error and a folder half made."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    write_record(tmp_path / "in", model=STEPS)
    done = CliRunner().invoke(
        app, ["leaderboard", "build", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    assert "dnamask-plugins[leaderboard]" in done.stdout
    html = (tmp_path / "out" / "index.html").read_text()
    assert 'chart-spec" ' not in html
    assert "<figure" not in html
    assert len(html) < 100_000


def test_what_cannot_be_made_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fails(*given: object) -> str:
        raise RuntimeError

    monkeypatch.setattr("dnamask_plugins.results.leaderboard.page.render", fails)
    write_record(tmp_path / "in")
    with pytest.raises(RuntimeError):
        build([tmp_path / "in"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_superseded_entry_says_by_what_and_why(tmp_path: Path):
    write_record(tmp_path, "old <b>")
    write_record(tmp_path, "new", right=0.7)
    (tmp_path / FILE).write_text('[[superseded]]\nmodel = "old <b>"\nby = "new"\nreason = "a <bug>"\n')
    html = build([tmp_path], tmp_path / "out").page.read_text()
    assert html.count('data-status="superseded"') == 1
    assert 'title="a &lt;bug&gt;">superseded by new</span>' in html


@pytest.mark.parametrize(
    "text", ['[[superseded]]\nmodel = "x"\n', "superseded = 3\n", '[[quoted]]\nx = "y"\n']
)
def test_a_bad_file_of_relations_is_one_line(tmp_path: Path, text: str):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigError, match=r"relations.toml: \[\["):
        Relations.beside([tmp_path])


def test_figures_that_only_quote_another_paper_stand_once(tmp_path: Path):
    publish_all(tmp_path, "Original", "first paper")
    publish_all(tmp_path, "Copy", "second paper")
    (tmp_path / FILE).write_text(
        '[[quoted]]\nmodel = "Copy"\nsource = "second paper"\nof = "Original"\noriginal = "first paper"\n'
    )
    read = [record_files.read(path) for path in record_files.find([tmp_path])]
    board = aggregate(read, Relations.beside([tmp_path]))
    assert [entry.model.name for entry in board.tables[0].entries] == ["Original"]
    assert board.tables[0].entries[0].notes == ("quoted as Copy in second paper: 28 of 28 figures",)
    assert (board.published, board.repeats) == (28, 28)


def test_the_committed_repeats_repeat_and_the_superseded_have_successors():
    relations = Relations.beside([REGISTRY])
    read = [record_files.read(path) for path in record_files.find([REGISTRY])]
    board = aggregate(read, relations)
    assert (board.published, board.repeats) == (550, 54)
    notes = [note for entry in board.tables[0].entries for note in entry.notes if "quoted as" in note]
    assert [note.partition(": ")[2] for note in notes] == [
        "27 of 27 figures",
        "26 of 27 figures; there EMP/H3K4me3 is 24.00",
    ]
    names = {record.model.name for record in read}
    for each in relations.superseded.values():
        assert {each.model, each.by} <= names
    assert sum(entry.superseded is not None for entry in board.tables[0].entries) == 7


def test_rows_that_were_cut_are_marked_with_their_share(tmp_path: Path):
    run = RunInfo(
        recipe={"name": "paper"},
        truncated={"train": 25, "dev": 0, "test": 50},
        rows={"train": 100, "dev": 50, "test": 200},
    )
    write_record(tmp_path, run=run)
    html = build([tmp_path], tmp_path / "out").page.read_text()
    assert 'aria-label="cut to max_length: 25.0% of train, 25.0% of test"' in html


def test_the_page_says_what_could_be_checked_and_what_was_wrong(tmp_path: Path):
    write_record(tmp_path, "good")
    write_record(tmp_path, "bad", task=dataclasses.replace(TATA, metric="accuracy"))
    done = CliRunner().invoke(app, ["leaderboard", "build", str(tmp_path), "-o", str(tmp_path / "out")])
    html = (tmp_path / "out" / "index.html").read_text()
    assert "checked: form and id, file names, time, cost, method, predictions, figures, task" in html
    assert "could not be checked: data hashes, rows, labels, leaks, data set" in html
    assert "wrong: task: metric accuracy, but prom/prom_core_tata has mcc" in html
    assert "1 wrong records" in done.stdout


def test_the_chart_offers_tokens_where_they_are_known(tmp_path: Path):
    write_record(tmp_path, model=STEPS)
    assert [axis.key for axis in layout(tmp_path).axes] == ["steps"]
    write_record(tmp_path, model=dataclasses.replace(STEPS, name="n", pretraining_tokens=10**9))
    assert [axis.key for axis in layout(tmp_path).axes] == ["steps", "tokens"]
