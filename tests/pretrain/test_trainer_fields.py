"""Every field of ``TrainingArguments`` is in one table, and says what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import TrainingArguments

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.pretrain.arguments import trainer_arguments
from dnamask_plugins.pretrain.run import pretrain
from dnamask_plugins.pretrain.trainer_fields import COUNTED, FREE, OURS, REFUSED, check_trainer_fields

FIELDS = {name for name, field in TrainingArguments.__dataclass_fields__.items() if field.init}


def test_every_field_of_the_installed_transformers_is_in_exactly_one_table() -> None:
    tables = [*FREE, *COUNTED, *OURS, *REFUSED]
    assert FIELDS - set(tables) == set()
    assert len(tables) == len(set(tables))


def test_a_field_that_a_later_transformers_adds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        TrainingArguments.__dataclass_fields__, "brand_new", TrainingArguments.__dataclass_fields__["seed"]
    )
    with pytest.raises(ConfigError, match="'brand_new' is refused: transformers added it"):
        check_trainer_fields({"brand_new": 3}, {})


@pytest.mark.parametrize("name", sorted({*OURS, *REFUSED} & FIELDS))
def test_a_field_that_does_not_work_is_one_line_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_trainer_fields({name: "something else"}, {})
    message = str(caught.value)
    assert f"'{name}'" in message
    assert (OURS.get(name) or REFUSED[name]) in message
    assert "\n" not in message


@pytest.mark.parametrize("name", sorted({*OURS, *REFUSED} & FIELDS - {"include_for_metrics"}))
def test_such_a_field_may_ask_for_what_is_so_anyway(name: str) -> None:
    check_trainer_fields({name: TrainingArguments.__dataclass_fields__[name].default}, {})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_steps": 0}, "--max-steps"),
        ({"max_steps": 2.5}, "int"),
        ({"per_device_train_batch_size": 0}, "--batch-size"),
        ({"gradient_accumulation_steps": 0}, "--accumulation"),
        ({"gradient_accumulation_steps": True}, "int"),
        ({"eval_steps": 0}, "eval_steps"),
        ({"eval_steps": None}, "eval_steps"),
        ({"save_steps": -1}, "save_steps"),
        ({"logging_steps": 0}, "logging_steps"),
        ({"learning_rate": "fast"}, "learning_rate"),
        ({"bf16": "yes"}, "bool"),
        ({"report_to": ["no_such_board"]}, "pip install no_such_board"),
        ({"report_to": "no_such_board"}, "pip install no_such_board"),
        ({"optim": "adam_of_my_own"}, "adam_of_my_own"),
        ({"optim": "galore_adamw"}, "optim_target_modules"),
        ({"optim": "adamw_bnb_8bit"}, "[trainer]"),
        ({"optim_args": "nonsense"}, "optim_args"),
        ({"lr_scheduler_type": "square"}, "square"),
        ({"lr_scheduler_kwargs": {"nonsense": 1}}, "nonsense"),
        ({"lr_scheduler_type": "cosine_with_min_lr"}, "min_lr"),
        ({"fsdp": "full_shard"}, "fsdp"),
        ({"ddp_backend": "gloo"}, "several processes"),
        ({"dataloader_persistent_workers": True}, "--workers"),
        ({"dataloader_multiprocessing_context": "spawn"}, "--workers"),
        ({"seed": 3}, "--seed"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_values_that_cannot_be_are_one_line_before_anything_is_written(
    tiny: Any, fields: dict[str, Any], words: str
) -> None:
    if "dataloader_multiprocessing_context" in set(fields) - FIELDS:
        pytest.skip("this version of transformers has no such field")
    settings = tiny(trainer=fields)
    with pytest.raises(ConfigError) as caught:
        trainer_arguments(settings, Path(settings.output))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path(settings.output).exists()


@pytest.mark.parametrize("seed", [-1, 2**32, 2**33, 2**64])
def test_seeds_that_no_generator_takes_are_refused(tiny: Any, seed: int) -> None:
    with pytest.raises(ConfigError, match=r"seed.*0 to 4294967295"):
        tiny(seed=seed)


WORKING: dict[str, Any] = {
    "adam_beta1": 0.8,
    "adam_beta2": 0.9,
    "adam_epsilon": 1e-3,
    "gradient_accumulation_steps": 1,
    "learning_rate": 3e-3,
    "lr_scheduler_kwargs": {"num_cycles": 3},
    "lr_scheduler_type": "cosine",
    "max_grad_norm": 0.01,
    "max_steps": 3,
    "optim": "adafactor",
    "per_device_train_batch_size": 3,
    "warmup_steps": 3,
    "weight_decay": 0.9,
    "bf16": True,
    "eval_steps": 1,
}


@pytest.fixture(scope="module")
def plain_run() -> dict[str, Any]:
    return {}


@pytest.mark.parametrize("name", WORKING)
def test_fields_that_work_change_the_run(tiny: Any, plain_run: dict[str, Any], name: str) -> None:
    """An effect on the weights, the loss or the evaluations; without one the field belongs elsewhere."""
    base = {
        "max_steps": 4,
        "save_steps": 4,
        "eval_steps": 2,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0,
    }
    if name == "bf16":
        base["bf16"] = False  # the default of a GPU is the other one
    if name == "lr_scheduler_kwargs":
        base["lr_scheduler_type"] = "cosine_with_restarts"

    def outcome(fields: dict[str, Any]) -> list[Any]:
        rows = pretrain(
            tiny(str(len(plain_run)), trainer={**base, **fields}), quiet=True, overwrite=True
        ).history
        return [row.get("loss") or row.get("eval_loss") for row in rows]

    key = str(base)
    if key not in plain_run:
        plain_run[key] = outcome({})
    assert outcome({name: WORKING[name]}) != plain_run[key]
