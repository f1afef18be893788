"""Runs of many trials: skipped when finished, recorded when failed, the same after SIGKILL."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from toy_data import labelled, write_csv
from typer.testing import CliRunner

from dnamask_plugins.cli import app
from dnamask_plugins.errors import ConfigError, DnamaskError, InputError
from dnamask_plugins.executors import Executor, LocalExecutor
from dnamask_plugins.harness.outcome import TrialOutcome, read_outcome
from dnamask_plugins.harness.recording import write_records
from dnamask_plugins.harness.runner import RunPlan, RunRequest, execute, plan_run
from dnamask_plugins.harness.selection import parse_seeds, tasks_of
from dnamask_plugins.harness.trials import Trial, run_trial
from dnamask_plugins.results.record_files import find, read
from dnamask_plugins.tasks import load_tasks

SHORT = {"max_steps": 6}


def request_of(suite: Path, model: Path, output: Path, **changes: object) -> RunRequest:
    request = RunRequest(
        model=str(model),
        data_folder=suite.parent / "data",
        tasks=load_tasks(suite),
        seeds=(0, 1),
        output=output,
        overrides=SHORT,
    )
    return dataclasses.replace(request, **changes)


def run(request: RunRequest) -> tuple[RunPlan, dict[Trial, TrialOutcome]]:
    plan = plan_run(request)
    return plan, dict(execute(plan, quiet=True))


def figures(outcomes: dict[Trial, TrialOutcome]) -> dict[str, object]:
    return {
        str(trial): (dict(outcome.scores), outcome.best_step, outcome.predictions.scores.tolist())
        for trial, outcome in outcomes.items()
        if outcome.predictions is not None
    }


def test_every_trial_runs_once_and_a_second_run_does_nothing(
    toy_suite: Path, tiny_model: Path, tmp_path: Path
):
    request = request_of(toy_suite, tiny_model, tmp_path / "out")
    plan, outcomes = run(request)
    assert [str(trial) for trial in plan.trials] == [
        "toy/motif seed 0",
        "toy/motif seed 1",
        "toy/other seed 0",
        "toy/other seed 1",
    ]
    assert all(outcome.status in ("ok", "collapsed") for outcome in outcomes.values())
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.json")}
    again = plan_run(request)
    assert again.open == ()
    assert figures(dict(execute(again, quiet=True))) == figures(outcomes)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.json")} == before


def test_other_settings_or_files_are_other_trials(toy_suite: Path, tiny_model: Path, tmp_path: Path):
    request = request_of(toy_suite, tiny_model, tmp_path / "out", seeds=(0,))
    run(request)
    for changes in (
        {"overrides": {"max_steps": 7}},
        {"method": "probe"},
        {"select_by": "loss"},
        {"train_limit": 50},
    ):
        assert len(plan_run(dataclasses.replace(request, **changes)).open) == 2, changes
    write_csv(toy_suite.parent / "data" / "toy" / "motif" / "train.csv", labelled(99, 96))
    assert [str(trial) for trial in plan_run(request).open] == ["toy/motif seed 0"]


def test_a_failed_trial_is_recorded_the_rest_go_on_and_it_is_tried_again(
    toy_suite: Path, tiny_model: Path, tmp_path: Path
):
    bad = toy_suite.parent / "data" / "toy" / "motif" / "dev.csv"
    good = bad.read_text()
    bad.write_text(good + "ACGT,x\n")
    request = request_of(toy_suite, tiny_model, tmp_path / "out")
    plan, outcomes = run(request)
    status = {str(trial): outcome.status for trial, outcome in outcomes.items()}
    assert status["toy/motif seed 0"] == status["toy/motif seed 1"] == "failed"
    assert "failed" not in (status["toy/other seed 0"], status["toy/other seed 1"])
    failed = outcomes[plan.trials[0]]
    assert "dev.csv: line 34: label 'x' is no integer" in failed.error
    assert json.loads(plan.trials[0].path.read_text())["status"] == "failed"
    assert set(write_records(request, plan, outcomes)) == {"toy/other"}
    assert [str(trial) for trial in plan_run(request).open] == ["toy/motif seed 0", "toy/motif seed 1"]


CHANGES_OF_A_MODEL = {
    "activation": ("config.json", lambda text: text.replace('"gelu"', '"relu"')),
    "heads": (
        "config.json",
        lambda text: text.replace('"num_attention_heads": 2', '"num_attention_heads": 1'),
    ),
    "tokenizer": ("dnamask_tokenizer.json", lambda text: text.replace("}", ', "pad": 1}', 1)),
}


@pytest.mark.parametrize("change", CHANGES_OF_A_MODEL)
def test_another_configuration_or_tokenizer_is_another_model(
    toy_suite: Path, tiny_model: Path, tmp_path: Path, change: str
):
    """The weights alone do not say what a model computes."""
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    request = request_of(toy_suite, model, tmp_path / "out")
    before = {trial.identity for trial in plan_run(request).trials}
    name, edit = CHANGES_OF_A_MODEL[change]
    text = (model / name).read_text()
    assert edit(text) != text
    # Written again in another order, a configuration says the same.
    (model / "config.json").write_text(
        json.dumps(dict(reversed(json.loads((model / "config.json").read_text()).items())))
    )
    assert {trial.identity for trial in plan_run(request).trials} == before
    (model / name).write_text(edit(text))
    try:
        after = {trial.identity for trial in plan_run(request).trials}
    except DnamaskError:
        return
    assert not before & after


def test_another_version_of_the_harness_runs_again(
    toy_suite: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    request = request_of(toy_suite, tiny_model, tmp_path / "out")
    before = {trial.identity for trial in plan_run(request).trials}
    monkeypatch.setattr("dnamask_plugins.harness.trial.__version__", "99.0")
    assert not before & {trial.identity for trial in plan_run(request).trials}


def test_a_fine_tuning_that_diverges_has_failed_and_says_at_which_step(
    toy_suite: Path, tiny_model: Path, tmp_path: Path
):
    wreck = {"max_steps": 6, "learning_rate": 1e30, "max_grad_norm": 0}
    request = request_of(toy_suite, tiny_model, tmp_path / "out", seeds=(0,), overrides=wreck)
    plan, outcomes = run(request)
    for trial in plan.trials:
        assert outcomes[trial].status == "failed"
        assert re.search(
            r"the loss was not finite at step [2-6] of 6; lower the learning", outcomes[trial].error
        )
    assert write_records(request, plan, outcomes) == {}


def test_embeddings_that_are_not_finite_are_no_probe(toy_suite: Path, tiny_model: Path, tmp_path: Path):
    from safetensors.torch import load_file, save_file

    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    weights = load_file(model / "model.safetensors")
    name = next(name for name in weights if name.endswith("output.dense.bias"))
    weights[name][0] = float("nan")
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    _, outcomes = run(request_of(toy_suite, model, tmp_path / "out", seeds=(0,), method="probe"))
    assert all("embeddings of" in outcome.error for outcome in outcomes.values())


BAD_TASKS = {
    "one class": lambda folder: write_csv(folder / "train.csv", [(text, 0) for text, _ in labelled(15, 96)]),
    "not gzip": lambda folder: (folder / "train.csv").write_bytes(b"\x1f\x8bnonsense"),
    "not text": lambda folder: (folder / "test.csv").write_bytes(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("bad", BAD_TASKS)
@pytest.mark.parametrize("classes", ["classes = 2\n", ""])
def test_a_bad_task_fails_alone_in_one_line(
    toy_suite: Path, tiny_model: Path, tmp_path: Path, bad: str, classes: str
):
    """Through the command, again and again: the other task keeps its record and its row."""
    BAD_TASKS[bad](toy_suite.parent / "data" / "toy" / "motif")
    toy_suite.write_text(toy_suite.read_text().replace("classes = 2\n", classes))
    arguments = ["gue", "run", "--model", str(tiny_model), "--gue-dir", str(toy_suite.parent / "data")]
    arguments += ["--tasks", str(toy_suite), "--out", str(tmp_path / "out"), "--seeds", "0", "--probe"]
    for _ in range(2):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 1, done.output
        assert done.stderr.count("failed: toy/motif seed 0: ") == 1
        assert "toy/other" in done.stdout
        assert "1 records in" in done.stderr
    assert [read(path).task.name for path in find([tmp_path / "out"])] == ["toy/other"]


def test_a_task_that_cannot_be_recorded_costs_the_others_nothing(
    toy_suite: Path, tiny_model: Path, tmp_path: Path
):
    request = request_of(toy_suite, tiny_model, tmp_path / "out", seeds=(0,), method="probe")
    plan, outcomes = run(request)
    outcomes[plan.trials[0]] = dataclasses.replace(outcomes[plan.trials[0]], classes=1)
    said: dict[str, str] = {}
    written = write_records(request, plan, outcomes, said.__setitem__)
    assert set(written) == {"toy/other"}
    assert "outside 0..0" in said["toy/motif"]


def test_a_damaged_outcome_is_made_again(toy_suite: Path, tiny_model: Path, tmp_path: Path):
    request = request_of(toy_suite, tiny_model, tmp_path / "out", seeds=(0,))
    plan, outcomes = run(request)
    first, second = plan.trials
    first.path.write_text(first.path.read_text()[:100])
    predictions = second.path.with_suffix(".csv.gz")
    predictions.write_bytes(predictions.read_bytes()[:-9])
    assert (read_outcome(first.path), read_outcome(second.path)) == (None, None)
    plan, repaired = run(request)
    assert len(plan.open) == 2
    assert figures(repaired) == figures(outcomes)


def test_sigkill_and_resume_give_the_figures_of_an_unbroken_run(
    toy_suite: Path, tiny_model: Path, tmp_path: Path, warm_python: Path
):
    seeds = tuple(range(4))
    settings = {"max_steps": 12}
    request = request_of(toy_suite, tiny_model, tmp_path / "killed", seeds=seeds, overrides=settings)
    command = [str(warm_python), "-m", "dnamask_plugins", "gue", "run", "--model", str(tiny_model)]
    command += ["--gue-dir", str(toy_suite.parent / "data"), "--tasks", str(toy_suite)]
    command += ["--seeds", ",".join(map(str, seeds)), "--set", "max_steps=12", "--out", str(request.output)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    try:
        while time.monotonic() < deadline and process.poll() is None:
            if len(list(request.output.glob("trials/*.json"))) >= 2:
                break
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors.decode()
    plan = plan_run(request)
    assert 2 <= len(plan.finished) < 8
    resumed = dict(execute(plan, quiet=True))
    _, unbroken = run(dataclasses.replace(request, output=tmp_path / "unbroken"))
    assert len(resumed) == 8
    import torch

    if torch.get_num_threads() == 1:
        assert figures(resumed) == figures(unbroken)
    for key, (scores, step, logits) in figures(unbroken).items():
        theirs = figures(resumed)[key]
        assert (theirs[0], theirs[1]) == (scores, step)
        np.testing.assert_allclose(theirs[2], logits, atol=1e-3)


def test_records_hold_what_they_should(toy_suite: Path, tiny_model: Path, tmp_path: Path):
    request = request_of(toy_suite, tiny_model, tmp_path / "out", model_name="Tiny")
    plan, outcomes = run(request)
    paths = write_records(request, plan, outcomes)
    assert set(paths) == {"toy/motif", "toy/other"}
    record = read(paths["toy/motif"])
    assert record.model.name == "Tiny"
    assert record.model.weights_sha256 == plan.source.weights_sha256
    assert [seed["seed"] for seed in record.seeds] == [0, 1]
    values = [outcome.scores["mcc"] for trial, outcome in outcomes.items() if trial.task.name == "toy/motif"]
    assert record.mean == pytest.approx(np.mean(values))
    assert record.run.effective_batch == 16
    assert record.run.select_by == "dev mcc"
    assert record.run.recipe["name"] == "paper/dnabert1"
    assert record.run.audit["splits"]["test"]["rows"] == 40
    assert "max_steps=6" in record.run.scale_note
    assert set(record.task.data_sha256) == {"train", "dev", "test"}
    assert write_records(request, plan, outcomes) == paths


def test_leaking_test_rows_are_marked_and_scored_apart(toy_suite: Path, tiny_model: Path, tmp_path: Path):
    folder = toy_suite.parent / "data" / "toy" / "motif"
    train = labelled(15, 96)
    write_csv(folder / "train.csv", train)
    write_csv(folder / "test.csv", [*train[:10], *labelled(77, 30)])
    request = request_of(toy_suite, tiny_model, tmp_path / "out", seeds=(0,), method="probe")
    plan, outcomes = run(request)
    outcome = outcomes[plan.trials[0]]
    assert outcome.predictions.leaked.tolist() == [True] * 10 + [False] * 30
    assert "mcc_without_leaks" in outcome.scores
    record = read(write_records(request, plan, outcomes)["toy/motif"])
    assert record.leaked_rows == 10
    assert record.mean_without_leaks == pytest.approx(outcome.scores["mcc_without_leaks"])


def test_dev_as_train_is_said_everywhere(toy_suite: Path, tiny_model: Path, tmp_path: Path):
    (toy_suite.parent / "data" / "toy" / "motif" / "train.csv").unlink()
    request = request_of(toy_suite, tiny_model, tmp_path / "out", seeds=(0,), method="probe")
    with pytest.raises(InputError, match="--allow-dev-as-train"):
        plan_run(request)
    skipping = plan_run(dataclasses.replace(request, skip_missing=True))
    assert list(skipping.left_out) == ["toy/motif"]
    allowed = dataclasses.replace(request, dev_as_train=True)
    plan, outcomes = run(allowed)
    assert {trial.task.name: outcome.dev_as_train for trial, outcome in outcomes.items()} == {
        "toy/motif": True,
        "toy/other": False,
    }
    records = write_records(allowed, plan, outcomes)
    assert read(records["toy/motif"]).run.dev_as_train
    assert not read(records["toy/other"]).run.dev_as_train


def test_a_model_that_says_one_class_only_is_flagged(toy_suite: Path, tiny_model: Path, tmp_path: Path):
    wreck = {"max_steps": 6, "learning_rate": 5.0}
    request = request_of(toy_suite, tiny_model, tmp_path / "out", seeds=(0,), overrides=wreck)
    plan, outcomes = run(request)
    outcome = outcomes[plan.trials[0]]
    assert outcome.status == "collapsed"
    assert outcome.scores["mcc"] == 0
    assert read(write_records(request, plan, outcomes)["toy/motif"]).collapsed_seeds == (0,)


def test_long_sequences_are_counted_as_truncated(toy_suite: Path, tiny_model: Path, tmp_path: Path):
    request = request_of(toy_suite, tiny_model, tmp_path / "out", seeds=(0,), method="probe", max_length=20)
    plan, outcomes = run(request)
    assert dict(outcomes[plan.trials[0]].truncated) == {"train": 96, "dev": 32, "test": 40}
    untouched, outcomes = run(dataclasses.replace(request, max_length=None))
    assert not any(outcomes[untouched.trials[0]].truncated.values())
    assert untouched.trials[0].max_length == 64


def test_the_recipe_follows_the_tokenizer_and_can_be_chosen(
    toy_suite: Path, tiny_model: Path, tmp_path: Path
):
    request = request_of(toy_suite, tiny_model, tmp_path / "out", seeds=(0,))
    paper = plan_run(request).trials[0]
    assert (paper.recipe_name, paper.recipe.select_by) == ("paper/dnabert1", "metric")
    other = plan_run(dataclasses.replace(request, recipe="dnabert2")).trials[0]
    assert (other.recipe_name, other.recipe.select_by) == ("paper/dnabert2", "loss")
    assert other.max_length == 512  # the model's limit: the other family's lengths count other tokens
    mine = tmp_path / "mine.toml"
    mine.write_text("learning_rate = 1e-4\nselect_by = 'last'\n")
    own = plan_run(dataclasses.replace(request, recipe=str(mine))).trials[0]
    assert (own.recipe_name, own.recipe.learning_rate) == ("mine.toml", 1e-4)
    lora = plan_run(dataclasses.replace(request, method="lora")).trials[0]
    assert lora.recipe.lora is not None
    with pytest.raises(ConfigError, match="did you mean 'paper'"):
        plan_run(dataclasses.replace(request, recipe="papers"))


def test_fewshot_draws_by_seed_and_tests_the_last_checkpoint(tiny_model: Path, tmp_path: Path):
    from dnamask_plugins.tasks import fewshot

    def words(sequence: str) -> str:
        return " ".join(sequence[start : start + 6] for start in range(len(sequence) - 5))

    for name, rows in (("train", 200), ("dev", 30)):
        path = tmp_path / "data" / "Silencer" / "10" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f'"{words(text)}"\t{label}' for text, label in labelled(len(name), rows)]
        path.write_text("\n".join(["sequence\tlabel", *lines]) + "\n")
    task = next(task for task in fewshot() if task.name == "Silencer/10")
    request = RunRequest(
        str(tiny_model), tmp_path / "data", (task,), (0, 1), tmp_path / "out", overrides=SHORT
    )
    plan, outcomes = run(request)
    one, other = outcomes.values()
    assert (one.train_rows, one.effective_batch, one.best_step) == (20, 5, None)
    assert one.recipe["dropout"] == 0.1
    assert one.predictions.scores.tolist() != other.predictions.scores.tolist()
    record = read(write_records(request, plan, outcomes)["Silencer/10"])
    assert (record.task.shots, record.task.metric, record.run.select_by) == (
        10,
        "accuracy",
        "last checkpoint",
    )


def test_pairs_run_from_file_to_record(tiny_model: Path, tmp_path: Path):
    suite = tmp_path / "pairs.toml"
    recipe = "[recipes.any]\nselect_by = 'last'\nmax_steps = 3\nglobal_batch = 8\n"
    suite.write_text(
        f"[suite]\nname = 'p'\n{recipe}\n[[task]]\nname = 'p/q'\nclasses = 2\npair = true\nmetric = 'mcc'\n"
    )
    for split in ("train", "dev", "test"):
        rows = [(text[:20], text[20:], label) for text, label in labelled(len(split), 24)]
        write_csv(tmp_path / "data" / "p" / "q" / f"{split}.csv", rows, "enhancer,promoter,label")
    request = RunRequest(str(tiny_model), tmp_path / "data", load_tasks(suite), (0,), tmp_path / "out")
    plan, outcomes = run(request)
    assert outcomes[plan.trials[0]].status in ("ok", "collapsed")


class Backwards:
    """An executor of someone else's: any order, trials by value."""

    def map(self, function, trials):
        import pickle

        for trial in reversed(pickle.loads(pickle.dumps(tuple(trials)))):
            yield pickle.loads(pickle.dumps(function))(trial)


def test_another_executor_gives_the_same_figures(toy_suite: Path, tiny_model: Path, tmp_path: Path):
    assert isinstance(Backwards(), Executor)
    assert isinstance(LocalExecutor(), Executor)
    request = request_of(toy_suite, tiny_model, tmp_path / "out")
    _, outcomes = run(request)
    plan = plan_run(dataclasses.replace(request, output=tmp_path / "elsewhere"))
    theirs = dict(execute(plan, Backwards(), quiet=True))
    assert {str(trial) for trial in theirs} == {str(trial) for trial in outcomes}
    for name, (scores, step, _) in figures(outcomes).items():
        assert figures(theirs)[name][:2] == (scores, step)


def test_a_trial_never_raises(
    toy_suite: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from dnamask_plugins.harness import trials

    trial = plan_run(request_of(toy_suite, tiny_model, tmp_path / "out", method="probe")).trials[0]

    def explode(*arguments: object) -> None:
        raise RuntimeError("CUDA out\nof memory")

    monkeypatch.setattr(trials, "_run", explode)
    assert run_trial(trial).error == "RuntimeError: CUDA out of memory"


@pytest.mark.parametrize("text", ["", "a", "1,-2", "1.5"])
def test_seeds_that_are_none(text: str):
    with pytest.raises(ConfigError, match="whole numbers"):
        parse_seeds(text)


def test_settings_and_task_words():
    assert len(tasks_of("all", ("gue", "gue_plus"))) == 28
    assert len(tasks_of("gue,gue_plus", ("gue", "gue_plus"))) == 36
    assert [task.name for task in tasks_of("EPI/K562", ("gue", "gue_plus"))] == ["EPI/K562"]
    with pytest.raises(DnamaskError):
        tasks_of("Silencer/10", ("gue", "gue_plus"))
