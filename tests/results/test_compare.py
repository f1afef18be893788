from __future__ import annotations

import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from harness_records import COVID, MOUSE, TATA, outcomes, predict, write_record
from rich.console import Console
from scipy.stats import binom
from typer.testing import CliRunner

from dnamask_plugins.cli import app
from dnamask_plugins.errors import InputError
from dnamask_plugins.results import record_files
from dnamask_plugins.results.compare import compare, to_csv
from dnamask_plugins.results.compare_text import print_comparison
from dnamask_plugins.results.paired import difference_draws, mcnemar, vote
from dnamask_plugins.results.predictions import Predictions
from dnamask_plugins.results.published import published as published_record
from dnamask_plugins.results.records import ModelInfo, Provenance, RunInfo, SeedOutcome
from dnamask_plugins.results.resampling import percentile_interval
from dnamask_plugins.results.schema import schema as record_schema
from dnamask_plugins.results.sides import load_side


def sides(tmp_path, right_a=0.6, right_b=0.9, tasks=(TATA, MOUSE)):
    for name, right in (("a", right_a), ("b", right_b)):
        for task in tasks:
            write_record(tmp_path, name, task=task, right=right)
    return load_side(tmp_path / "a"), load_side(tmp_path / "b")


def test_a_clear_difference_is_a_win_and_turns_round(tmp_path):
    a, b = sides(tmp_path)
    forward, back = compare(a, b), compare(b, a)
    assert forward.counts["wins"] == back.counts["losses"] == 2
    for one, other in zip(forward.tasks, back.tasks, strict=True):
        assert one.low > 0
        assert one.difference == pytest.approx(-other.difference)
        assert one.low <= one.difference <= one.high
        assert (one.only_a_right, one.only_b_right) == (other.only_b_right, other.only_a_right)
        assert one.mcnemar_p == pytest.approx(other.mcnemar_p)
        assert one.mcnemar_p < 1e-3


def test_a_model_against_itself_is_a_tie(tmp_path):
    a, _ = sides(tmp_path)
    result = compare(a, a)
    assert result.counts["ties"] == 2
    assert all(task.difference == 0 and task.mcnemar_p == 1 for task in result.tasks)


def test_species_means_are_the_means_of_their_tasks(tmp_path):
    a, b = sides(tmp_path, tasks=(TATA, MOUSE, COVID))
    result = compare(a, b)
    of = {task.task: task for task in result.tasks}
    group = {(item.group, item.metric): item for item in result.groups}
    assert set(group) == {
        ("human", "mcc"),
        ("non-human", "mcc"),
        ("all", "mcc"),
        ("non-human", "f1_macro"),
        ("all", "f1_macro"),
    }
    assert group["human", "mcc"].b == of[TATA.name].b
    assert group["non-human", "mcc"].difference == pytest.approx(of[MOUSE.name].difference)
    assert group["all", "mcc"].a == pytest.approx((of[TATA.name].a + of[MOUSE.name].a) / 2)
    # Independent tasks: the mean of two is known better than either.
    width = {key: item.high - item.low for key, item in group.items()}
    assert width["all", "mcc"] < max(width["human", "mcc"], width["non-human", "mcc"])


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (0, 1), (3, 9), (10, 10), (2, 30)])
def test_mcnemar_is_the_binomial_sign_test(only_a, only_b):
    total = only_a + only_b
    tail = binom.cdf(min(only_a, only_b), total, 0.5)
    assert mcnemar(only_a, only_b) == pytest.approx(min(1.0, 2 * tail))


def test_vote_takes_the_majority_and_the_first_seed_on_a_draw():
    seeds = [np.array([0, 2, 1, 0]), np.array([1, 2, 0, 1]), np.array([1, 1, 2, 0])]
    assert vote(seeds, 3).tolist() == [1, 2, 1, 0]
    assert vote(seeds[:2], 3).tolist() == [0, 2, 1, 0]


def test_seeds_that_scatter_do_not_make_a_difference():
    """Two equal models with seeds that scatter: rows alone would cry wolf, the interval must not."""
    rng = np.random.default_rng(5)
    alarms = rows_only = 0
    trials, rows = 120, 2000
    labels = np.tile([0, 1], rows // 2)

    def side():
        rates = np.clip(0.75 + rng.normal(0, 0.03, 3), 0, 1)
        return [Predictions(labels, np.where(rng.random(rows) < rate, labels, 1 - labels)) for rate in rates]

    for trial in range(trials):
        a, b = side(), side()
        low, high = percentile_interval(difference_draws("mcc", a, b, 2, 300, trial))
        alarms += low > 0 or high < 0
        right_a, right_b = (vote([item.predictions for item in each], 2) == labels for each in (a, b))
        rows_only += mcnemar(int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())) < 0.05
    assert alarms / trials <= 0.16
    assert rows_only / trials > 0.25


def test_real_differences_are_found():
    labels = np.tile([0, 1], 500)
    rng = np.random.default_rng(0)

    def side(rate):
        return [Predictions(labels, np.where(rng.random(1000) < rate, labels, 1 - labels)) for _ in range(3)]

    low, _ = percentile_interval(difference_draws("mcc", side(0.75), side(0.82), 2, 500, 0))
    assert low > 0


def test_pairing_narrows_the_interval():
    """Models that err on the same rows are told apart by fewer rows than independent ones."""
    rng = np.random.default_rng(2)
    labels = np.tile([0, 1], 500)
    hard = rng.random(1000) < 0.3
    a = np.where(hard, 1 - labels, labels)
    b = np.where(hard & (rng.random(1000) < 0.9), 1 - labels, labels)
    shuffled = np.where(rng.permutation(b == labels), labels, 1 - labels)

    def width(left, right):
        draws = difference_draws("mcc", [Predictions(labels, left)], [Predictions(labels, right)], 2, 1000, 0)
        return float(np.subtract(*percentile_interval(draws)[::-1]))

    assert width(a, b) < 0.6 * width(a, shuffled)


def test_published_figures_are_compared_but_not_tested(tmp_path):
    write_record(tmp_path, "ours")
    record = published_record(ModelInfo("theirs"), TATA, 0.3, Provenance("a paper"))
    record_files.write(record, (), tmp_path)
    result = compare(load_side(tmp_path / "theirs"), load_side(tmp_path / "ours"))
    assert result.tasks[0].verdict == "untested"
    assert result.tasks[0].low is None
    assert "A published" in result.tasks[0].note
    assert result.counts["untested_higher"] == 1
    assert result.counts["wins"] == 0


def test_troubles_are_said(tmp_path):
    collapsed = SeedOutcome(1, Predictions(predict(TATA, 1, 0).labels, np.zeros(200, int)))
    seeds = [*outcomes(TATA, seeds=(0,)), collapsed, SeedOutcome(2, error="x")]
    write_record(tmp_path, "a", seeds=seeds)
    write_record(tmp_path, "b", seeds=outcomes(TATA, seeds=(0,)), run=RunInfo(dev_as_train=True))
    note = compare(load_side(tmp_path / "a"), load_side(tmp_path / "b")).tasks[0].note
    assert note == "A: 1 failed, A: 1 collapsed; B: one seed, B: trained on dev"


def test_other_test_rows_are_refused(tmp_path):
    write_record(tmp_path, "a")
    write_record(tmp_path, "b", seeds=outcomes(TATA, rows=150))
    with pytest.raises(InputError, match="different test rows"):
        compare(load_side(tmp_path / "a"), load_side(tmp_path / "b"))


def test_nothing_in_common_and_several_models_are_refused(tmp_path):
    write_record(tmp_path, "a", task=TATA)
    write_record(tmp_path, "b", task=MOUSE)
    with pytest.raises(InputError, match="no task in common"):
        compare(load_side(tmp_path / "a"), load_side(tmp_path / "b"))
    with pytest.raises(InputError, match="'a' by finetune, 'b' by finetune"):
        load_side(tmp_path)
    assert load_side(tmp_path, model="b").name == "b"
    with pytest.raises(InputError, match="there are 'a'"):
        load_side(tmp_path, model="c")


def test_the_newest_record_counts(tmp_path):
    write_record(tmp_path, "a", right=0.9, created="2026-01-01T00:00:00+00:00")
    newest, _ = write_record(tmp_path, "a", right=0.7, created="2026-02-01T00:00:00+00:00")
    assert load_side(tmp_path / "a").by_task[TATA.name][0].id == newest.id


def test_command_line_in_three_forms(tmp_path):
    sides(tmp_path)
    command = ["results", "compare", str(tmp_path / "a"), str(tmp_path / "b")]
    text = CliRunner().invoke(app, command)
    assert text.exit_code == 0, text.output
    assert "2 wins, 0 ties" in text.stdout
    assert "mean human (1)" in text.stdout
    assert "chance alone" in text.stdout
    content = json.loads(CliRunner().invoke(app, [*command, "-f", "json"]).stdout)
    assert content["counts"]["wins"] == 2
    table = list(csv.DictReader(io.StringIO(CliRunner().invoke(app, [*command, "-f", "csv"]).stdout)))
    assert [row["task"] for row in table] == ["mouse/3", "prom/prom_core_tata"]
    assert float(table[0]["difference"]) == content["tasks"][0]["difference"]
    assert to_csv(compare(load_side(tmp_path / "a"), load_side(tmp_path / "b"))).count("\n") == 3


def test_the_table_fits_80_columns_and_cuts_no_name(tmp_path):
    """Seen on the landed code: prom/prom_core_tata was prom/prom_co... on a terminal."""
    long = "prom/" + "a_very_long_name_of_a_data_set_" * 2
    for side, right in (("a", 0.6), ("b", 0.9)):
        for name in ("prom/prom_core_tata", "prom/prom_300_notata", "splice/reconstructed", long):
            write_record(tmp_path / side, side, dataclasses.replace(TATA, name=name), right=right)
    stream = io.StringIO()
    comparison = compare(load_side(tmp_path / "a"), load_side(tmp_path / "b"))
    print_comparison(comparison, Console(file=stream, width=80))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    for name in ("prom/prom_core_tata", "prom/prom_300_notata", "splice/reconstructed"):
        assert any(line.startswith(f"{name} ") and "B better" in line for line in lines)
    # A name that is longer than its column is folded: its letters follow each other down the first column.
    start = next(number for number, line in enumerate(lines) if line.startswith("prom/a_very"))
    folded = [lines[start].split()[0]]
    folded += [line.strip() for line in lines[start + 1 : start + 5] if len(line.split()) == 1]
    assert "".join(folded).startswith(long)


def test_command_line_verify(tmp_path):
    _, path = write_record(tmp_path)
    good = CliRunner().invoke(app, ["results", "verify", str(tmp_path)])
    assert good.exit_code == 0
    assert "1 measured records recomputed" in good.stdout
    assert "MCC " in good.stdout
    assert "not checked: data hashes, rows, labels, leaks, data set" in good.stdout
    assert "could not be checked, in so many records: data hashes (1), data set (1)" in good.stdout
    path.write_text(path.read_text().replace('"mean": 0.', '"mean": 0.9'))
    bad = CliRunner().invoke(app, ["results", "verify", str(tmp_path)])
    assert bad.exit_code == 1
    assert "BAD" in bad.stdout
    assert "1 bad" in bad.stdout
    schema = CliRunner().invoke(app, ["results", "schema"])
    assert json.loads(schema.stdout) == record_schema()
