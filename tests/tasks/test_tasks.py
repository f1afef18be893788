"""The shipped suites against the facts they were made from, and what others may add."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.tasks import all_suites, fewshot, gue, gue_plus, load_tasks, select_tasks
from dnamask_plugins.tasks.recipes import FAMILIES, Recipe

GROUP_SIZES = {"EMP": 10, "mouse": 5, "prom": 6, "splice": 1, "tf": 5, "virus": 1}


def test_gue_has_its_28_data_sets():
    names = [task.name for task in gue()]
    assert len(names) == len(set(names)) == 28
    assert {group: sum(task.group == group for task in gue()) for group in GROUP_SIZES} == GROUP_SIZES
    assert {task.name: task.metric for task in gue() if task.metric != "mcc"} == {"virus/covid": "f1_macro"}
    assert {task.name: task.classes for task in gue() if task.classes != 2} == {
        "splice/reconstructed": 3,
        "virus/covid": 9,
    }


def test_hub_configurations_are_the_published_ones():
    hub = {task.name: task.hub_config for task in (*gue(), *gue_plus())}
    assert hub["EMP/H3"] == "emp_H3"
    assert hub["tf/0"] == "human_tf_0"
    assert hub["mouse/0"] == "mouse_0"
    assert hub["prom/prom_core_tata"] == "prom_core_tata"
    assert hub["splice/reconstructed"] == "splice_reconstructed"
    assert hub["virus/covid"] == "virus_covid"
    assert hub["EPI/HeLa-S3"] == "EPI_HeLa-S3"
    assert len(set(hub.values())) == 36


def test_gue_plus_pairs_are_pairs():
    assert sum(task.pair for task in gue_plus()) == 6
    assert {task.group for task in gue_plus()} == {"EPI", "fungi", "virus"}


def test_fewshot_is_five_data_sets_at_five_sizes_with_the_published_settings():
    tasks = {task.name: task for task in fewshot()}
    assert len(tasks) == 25
    assert {task.metric for task in tasks.values()} == {"accuracy"}
    few, many = tasks["Splice-40/100"].recipe("dnabert1"), tasks["Silencer/500"].recipe("dnabert2")
    assert (few.num_train_epochs, few.global_batch, few.learning_rate) == (20, 5, 1e-4)
    assert (many.num_train_epochs, many.global_batch, many.learning_rate) == (5, 15, 5e-5)
    for recipe in (few, many):
        assert (recipe.warmup_ratio, recipe.dropout, recipe.weight_decay) == (0.1, 0.1, 0.01)
        assert recipe.select_by == "last"
    assert tasks["Splice-40/10"].classes == 3


def test_recipes_equal_the_published_scripts(shared_data: Path):
    published = json.loads((shared_data / "gue_recipes.json").read_text())
    same = {"learning_rate", "num_train_epochs", "max_steps", "warmup_steps", "weight_decay", "eval_steps"}
    for task in gue():
        for family in FAMILIES:
            theirs, ours = published[task.name][family], task.recipe(family)
            assert {key: getattr(ours, key) for key in same} == {key: theirs[key] for key in same}
            assert ours.max_length == theirs["model_max_length"]
            four_gpus = 4 * theirs["per_device_train_batch_size"] * theirs["gradient_accumulation_steps"]
            assert ours.global_batch == four_gpus
            assert ours.select_by == "loss"
            assert (ours.lora is None) == (theirs["lora"] is None)
            if ours.lora is not None:
                assert (ours.lora.rank, ours.lora.alpha) == (theirs["lora"]["r"], theirs["lora"]["alpha"])


def test_facts_equal_the_counted_ones(shared_data: Path):
    counted = json.loads((shared_data / "gue_datasets.json").read_text())
    for task in gue():
        theirs = counted[task.name]
        assert dict(task.sha256) == theirs["sha256"]
        assert task.classes == theirs["num_classes"]
        assert dict(task.rows) == theirs.get("shipped_sizes_inferred", theirs["paper_sizes"])
        if task.known:
            assert task.known["test_in_train"] == theirs["unique_test_seqs_also_in_train"]


def test_global_batch_of_gue_is_32_except_covid():
    batches = {(task.name, family): task.recipe(family).global_batch for task in gue() for family in FAMILIES}
    assert {key for key, size in batches.items() if size != 32} == {
        ("virus/covid", "dnabert1"),
        ("virus/covid", "dnabert2"),
    }


def test_suites_are_found_as_plugins():
    found = {name: len(tasks) for name, tasks in all_suites().items()}
    assert found.items() >= {"gue": 28, "gue_plus": 8, "fewshot": 25}.items()


def explode() -> None:
    raise ZeroDivisionError("their fault")


@pytest.mark.parametrize("broken", [explode, lambda: ["no task"], 7])
def test_a_broken_suite_of_somebody_elses_harms_no_other(monkeypatch: pytest.MonkeyPatch, broken: object):
    from dnamask_plugins import plugins

    known, load = plugins.discover("tasks"), plugins.load
    found = {**known, "acme.tasks": known["gue"]}
    monkeypatch.setattr(plugins, "discover", lambda kind: found)
    monkeypatch.setattr(
        plugins, "load", lambda kind, name: broken if name == "acme.tasks" else load(kind, name)
    )
    with pytest.warns(UserWarning, match="left out: tasks 'acme.tasks'"):
        suites = all_suites()
    assert "acme.tasks" not in suites
    assert len(suites["gue"]) == 28


def test_tasks_may_be_given_without_a_function(monkeypatch: pytest.MonkeyPatch):
    from dnamask_plugins import plugins

    load = plugins.load
    monkeypatch.setattr(plugins, "load", lambda kind, name: gue()[:3] if name == "gue" else load(kind, name))
    assert len(all_suites()["gue"]) == 3


def test_selection_by_name_group_and_file(toy_suite: Path):
    chosen = select_tasks(f"prom,mouse/3,{toy_suite}", gue())
    assert [task.name for task in chosen][-3:] == ["mouse/3", "toy/motif", "toy/other"]
    assert len(chosen) == 6 + 1 + 2
    assert len(select_tasks("all", gue())) == 28


@pytest.mark.parametrize(
    ("expression", "words"),
    [("mouse/7", "did you mean 'mouse/"), ("", "no task was named"), ("promm", "'prom'")],
)
def test_a_task_that_is_not_known_says_what_is(expression: str, words: str):
    with pytest.raises(ConfigError, match=words):
        select_tasks(expression, gue())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[suite]\nname='x'", "one \\[\\[task\\]\\]"),
        ("[suite]\nname='x'\n[[task]]\nmetric='mcc'", "without 'name'"),
        ("[suite]\nname='x'\n[[task]]\nname='a/b'\nmetric='mmc'", "did you mean 'mcc'"),
        ("[suite]\nname='x'\n[[task]]\nname='a/b'\nmetric='mcc'\nclases=2", "did you mean 'classes'"),
        ("[suite]\nname='x'\n[[task]]\nname='a/b'\nmetric='mcc'\nclasses=1", "at least 2"),
        ("[suite", "is no TOML"),
    ],
)
def test_a_wrong_file_of_tasks_is_one_line(tmp_path: Path, content: str, words: str):
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(Exception, match=words) as caught:
        load_tasks(path)
    assert "\n" not in str(caught.value)


def test_a_recipe_must_know_its_settings():
    with pytest.raises(ConfigError, match="did you mean 'learning_rate'"):
        Recipe.from_mapping({"learning_rat": 1e-3}, "here")
    with pytest.raises(ConfigError, match="eval_steps is -1"):
        Recipe(select_by="loss", eval_steps=-1)
    with pytest.raises(ConfigError, match="learning_rate is -1"):
        Recipe(learning_rate=-1, select_by="last")
