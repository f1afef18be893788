from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from harness_records import COVID, MOUSE, TATA, outcomes, predict, write_record
from typer.testing import CliRunner

from dnamask_plugins.cli import app
from dnamask_plugins.errors import InputError
from dnamask_plugins.results import record_files
from dnamask_plugins.results.leaderboard import aggregate, build
from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.published import published as published_record
from dnamask_plugins.results.records import ModelInfo, Provenance, RunInfo, SeedOutcome, TaskInfo
from dnamask_plugins.tasks import gue

HUMAN = [task for task in gue() if task.species == "human"]


def human_tasks(count: int = 12) -> list[TaskInfo]:
    return [TaskInfo(task.name, "gue", task.metric, task.classes, task.species) for task in HUMAN[:count]]


def column(table, label):
    return next(column for column in table.columns if column.label == label)


def read(folder):
    return [record_files.read(path) for path in record_files.find([folder])]


def test_a_mean_is_shown_only_where_all_its_data_sets_are_there(tmp_path):
    for task in human_tasks():
        write_record(tmp_path, "whole", task=task)
    for task in human_tasks(11):
        write_record(tmp_path, "partial", task=task)
    table = aggregate(read(tmp_path)).tables[0]
    partial, whole = sorted(table.entries, key=lambda entry: entry.model.name)
    human = column(table, "Human")
    expected = np.mean([record.mean for record in read(tmp_path / "whole")])
    assert whole.score(human).value == pytest.approx(expected)
    assert partial.score(human).value is None
    assert partial.score(human).marks == ("11 of 12 data sets",)
    assert whole.score(column(table, "All")).value is None


def test_metrics_are_never_mixed_in_a_mean(tmp_path):
    write_record(tmp_path, task=COVID)
    table = aggregate(read(tmp_path)).tables[0]
    for each in table.columns:
        assert not (each.is_mean and COVID.name in each.tasks)
    assert table.entries[0].score(column(table, "Covid variant")).value == read(tmp_path)[0].mean


def test_spread_of_a_mean_adds_the_variances(tmp_path):
    for task in human_tasks():
        write_record(tmp_path, task=task)
    table = aggregate(read(tmp_path)).tables[0]
    spread = np.sqrt(sum(record.std**2 for record in read(tmp_path))) / 12
    assert table.entries[0].score(column(table, "Human")).spread == pytest.approx(spread)


def test_trained_on_dev_never_enters(tmp_path):
    write_record(tmp_path, "honest")
    write_record(tmp_path, "on-dev", run=RunInfo(dev_as_train=True))
    board = aggregate(read(tmp_path))
    assert [entry.model.name for entry in board.tables[0].entries] == ["honest"]
    assert board.left_out == 1
    page = build([tmp_path], tmp_path / "out").page
    assert "on-dev" not in page.read_text()
    assert "1 records are left out" in page.read_text()


def test_tracks_methods_and_sources_are_rows_of_their_own(tmp_path):
    write_record(tmp_path, "m")
    write_record(tmp_path, "m", run=RunInfo(method="probe"))
    write_record(tmp_path, model=ModelInfo("m", track="gue_pretrained"))
    record_files.write(published_record(ModelInfo("m"), TATA, 0.5, Provenance("a paper")), (), tmp_path)
    record_files.write(published_record(ModelInfo("m"), TATA, 0.6, Provenance("another paper")), (), tmp_path)
    board = aggregate(read(tmp_path))
    assert [(table.track, len(table.entries)) for table in board.tables] == [
        ("standard", 4),
        ("gue_pretrained", 1),
    ]
    assert (board.measured, board.published) == (3, 2)


def test_the_newest_record_counts_and_says_so(tmp_path):
    write_record(tmp_path, right=0.6, created="2026-01-01T00:00:00+00:00")
    newest, _ = write_record(tmp_path, right=0.9, created="2026-03-01T00:00:00+00:00")
    table = aggregate(read(tmp_path)).tables[0]
    figure = table.entries[0].score(next(each for each in table.columns if each.tasks == (TATA.name,)))
    assert (figure.value, figure.earlier) == (newest.mean, 1)
    assert "newest of 2 records" in build([tmp_path], tmp_path / "out").page.read_text()


def test_failed_and_collapsed_seeds_are_marked(tmp_path):
    collapsed = SeedOutcome(1, Predictions(predict(TATA, 1, 0).labels, np.zeros(200, int)))
    write_record(
        tmp_path, "troubled", seeds=[*outcomes(TATA, seeds=(0,)), collapsed, SeedOutcome(2, error="x")]
    )
    write_record(tmp_path, "dead", task=MOUSE, seeds=[SeedOutcome(0, error="x")])
    html = build([tmp_path], tmp_path / "out").page.read_text()
    assert 'aria-label="1 of 3 seeds failed; 1 of 3 seeds collapsed into one class"' in html
    assert ">failed</a>" in html


def test_a_suite_that_is_not_installed_has_figures_but_no_means(tmp_path):
    for name in ("x/1", "x/2"):
        write_record(tmp_path, task=TaskInfo(name, "acme.suite", "accuracy", 2))
    table = aggregate(read(tmp_path)).tables[0]
    assert not any(each.is_mean for each in table.columns)
    assert {each.tasks for each in table.columns} == {("x/1",), ("x/2",)}


def test_few_shot_means_go_by_shots(tmp_path):
    from dnamask_plugins.tasks import fewshot

    for task in fewshot():
        if task.shots == 10:
            write_record(
                tmp_path,
                task=TaskInfo(task.name, "fewshot", task.metric, task.classes or 2, task.species, 10),
            )
    table = aggregate(read(tmp_path)).tables[0]
    assert table.entries[0].score(column(table, "10 shots")).value is not None
    assert table.entries[0].score(column(table, "50 shots")).value is None


class Page(HTMLParser):
    """Collects what the tests ask of the page."""

    def __init__(self, html):
        super().__init__()
        self.links, self.fetched, self.tags = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        for name, value in attributes:
            if name in ("src", "srcset", "data", "poster", "action") or (tag == "link" and name == "href"):
                self.fetched.append(value)
            if tag == "a" and name == "href":
                self.links.append(value)


def test_every_figure_links_to_its_record_and_nothing_is_fetched(tmp_path):
    for task in (TATA, MOUSE, COVID):
        write_record(tmp_path / "in", task=task)
    record_files.write(
        published_record(ModelInfo("p"), TATA, 0.5, Provenance("a", url="https://arxiv.org/abs/1")),
        (),
        tmp_path / "in",
    )
    page = build([tmp_path / "in"], tmp_path / "out").page
    parsed = Page(page.read_text())
    local = [link for link in parsed.links if not link.startswith("https://")]
    assert len(set(local)) == 4
    for link in local:
        record = record_files.read(page.parent / link)
        assert link == record_files.path_of(record, "records").as_posix()
    assert parsed.fetched == []
    assert "@import" not in page.read_text().split("</style>")[0]
    assert "url(" not in page.read_text().split("</style>")[0]


def test_only_the_pages_own_scripts_may_run(tmp_path):
    pytest.importorskip("vl_convert", reason="the chart is drawn with it")
    write_record(tmp_path)
    html = build([tmp_path], tmp_path / "out").page.read_text()
    policy = next(values["content"] for tag, values in Page(html).tags if values.get("http-equiv"))
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    assert len(scripts) == 2
    for script in scripts:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_hostile_names_stay_text(tmp_path):
    pytest.importorskip("vl_convert", reason="the chart is drawn with it")
    evil = "\"'></td></script><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}"
    model = ModelInfo(evil, backbone=evil, tokenizer=evil, strategy=evil, pretraining_steps=5)
    task = TaskInfo(evil, evil[:90], "mcc", 2, "human")
    write_record(tmp_path, model=model, task=task, run=RunInfo(recipe={"name": evil}))
    write_record(tmp_path, model=model, task=TATA)
    record_files.write(published_record(ModelInfo("p"), TATA, 0.5, Provenance(evil)), (), tmp_path)
    out = tmp_path / "out"
    parsed = Page(build([tmp_path], out).page.read_text())
    assert not [tag for tag, _ in parsed.tags if tag == "img"]
    assert [tag for tag, _ in parsed.tags].count("script") == 3
    assert not [values for _, values in parsed.tags if any(name.startswith("on") for name in values)]
    assert all(path.resolve().is_relative_to(out.resolve()) for path in out.rglob("*"))
    assert any(values.get("data-model") == evil for _, values in parsed.tags)


def test_a_script_url_in_a_record_is_refused(tmp_path):
    record = published_record(ModelInfo("p"), TATA, 0.5, Provenance("a", url="javascript:alert(1)"))
    with pytest.raises(InputError, match="provenance/url"):
        record_files.write(record, (), tmp_path)


def test_building_again_gives_the_same_page(tmp_path):
    write_record(tmp_path / "in")
    first = build([tmp_path / "in"], tmp_path / "out").page.read_bytes()
    assert build([tmp_path / "in"], tmp_path / "out").page.read_bytes() == first


def test_command_line(tmp_path):
    write_record(tmp_path / "in")
    done = CliRunner().invoke(
        app, ["leaderboard", "build", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    assert "1 measured and 0 published" in done.stdout
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no result records"):
        build([tmp_path / "empty"], tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot"):
        build([tmp_path / "in"], tmp_path / "file")


def test_other_choices_of_the_recipe_are_other_entries(tmp_path):
    recipes = [
        {"name": "paper/dnabert1", "select_by": "loss"},
        {"name": "paper/dnabert1", "select_by": "metric"},
        {"name": "paper/dnabert1", "select_by": "loss", "train_limit": 320},
        {"name": "paper/dnabert1", "select_by": "loss", "overrides": {"optim": "sgd"}},
    ]
    for recipe in recipes:
        write_record(tmp_path, run=RunInfo(recipe=recipe, scale_note="one <tiny> corpus"))
    entries = aggregate(read(tmp_path)).tables[0].entries
    assert sorted(entry.recipe for entry in entries) == [
        "paper/dnabert1, best dev loss",
        "paper/dnabert1, best dev loss, 320 training rows",
        "paper/dnabert1, best dev loss, optim=sgd",
        "paper/dnabert1, best dev metric",
    ]
    assert all(entry.notes == ("one <tiny> corpus",) for entry in entries)
    assert "one &lt;tiny&gt; corpus" in build([tmp_path], tmp_path / "out").page.read_text()
