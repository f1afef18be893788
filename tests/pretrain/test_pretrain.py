"""From settings to a folder that plain transformers loads; what cannot be used is refused in one line."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from recording import Killed, kill_at, same_weights
from transformers import AutoModelForMaskedLM, AutoTokenizer

from dnamask_plugins.errors import ConfigError, DnamaskError, InputError
from dnamask_plugins.pretrain.run import pretrain


@pytest.fixture(scope="module")
def module_run(small_corpus: Path, small_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from dnamask_plugins.pretrain.settings import PretrainSettings

    settings = PretrainSettings.from_mapping(
        {
            "corpus": str(small_corpus),
            "npmi": str(small_table),
            "output": str(tmp_path_factory.mktemp("run") / "model"),
            "backbone": "bert-tiny",
            "model": {"hidden_size": 32, "intermediate_size": 64},
            "curriculum": {"name": "cm_gems", "threshold": 1e9},
            "windows": {"full_length": 100},
            "validation": {"windows": 8, "length": 100},
            "trainer": {
                "max_steps": 30,
                "per_device_train_batch_size": 8,
                "gradient_accumulation_steps": 1,
                "eval_steps": 10,
                "save_steps": 15,
                "logging_steps": 5,
                "learning_rate": 5e-3,
            },
        }
    )
    return pretrain(settings, quiet=True)


class TestTheFolder:
    def test_loads_with_plain_auto_classes(self, module_run: Any) -> None:
        tokenizer = AutoTokenizer.from_pretrained(module_run.folder)
        model = AutoModelForMaskedLM.from_pretrained(module_run.folder)
        sequence = "ACGTTGCAACGTTAGC"
        ids = tokenizer(sequence)["input_ids"]
        assert len(ids) == len(sequence) - 5 + 2
        assert tokenizer.convert_ids_to_tokens(ids)[1:3] == ["ACGTTG", "CGTTGC"]
        assert model(torch.tensor([ids])).logits.shape == (1, len(ids), 4101)

    def test_record_holds_what_is_needed_to_repeat_it(self, module_run: Any) -> None:
        record = json.loads((module_run.folder / "run.json").read_text())
        assert record["curriculum"]["switch_step"] == 20
        assert record["settings"]["seed"] == 0
        assert record["corpus"]["fingerprint"]
        assert record["environment"]["libraries"]["torch"] == version("torch")
        assert record["progress"]["steps"] == 30

    def test_has_a_card_and_a_picture(self, module_run: Any) -> None:
        card = (module_run.folder / "README.md").read_text()
        assert "switched strategy at step | 20" in card
        assert (module_run.folder / "curves.png").read_bytes().startswith(b"\x89PNG")

    def test_learns_and_logs(self, module_run: Any) -> None:
        perplexities = [row["eval_perplexity"] for row in module_run.history if "eval_perplexity" in row]
        assert len(perplexities) == 3
        assert perplexities[-1] < perplexities[0] < 4101
        logged = [row for row in module_run.history if "loss" in row]
        assert logged[0]["strategy/genemask"] == 1
        assert logged[-1]["strategy/global_npmi"] == 1
        assert logged[-1]["mask/token_rate"] == pytest.approx(0.15, abs=0.06)
        assert logged[-1]["mask/mean_npmi"] > logged[0]["mask/mean_npmi"]

    def test_writes_tensorboard_scalars(self, module_run: Any) -> None:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = next(module_run.folder.rglob("events.out.tfevents*"))
        accumulator = EventAccumulator(str(events))
        accumulator.Reload()
        tags = set(accumulator.Tags()["scalars"])
        assert {"train/loss", "eval/perplexity", "train/mask/token_rate", "train/mask/mean_npmi"} <= tags


def same_optimizer(a: Path, b: Path) -> bool:
    first, second = (torch.load(folder / "optimizer.pt", weights_only=True)["state"] for folder in (a, b))
    return first.keys() == second.keys() and all(
        torch.equal(first[p][k], second[p][k]) for p in first for k in first[p]
    )


def without_timing(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    timing = ("runtime", "per_second", "train_loss", "total_flos")
    return [
        {key: value for key, value in row.items() if not any(word in key for word in timing)}
        for row in history
    ]


@pytest.fixture(scope="module")
def whole_runs() -> dict[str, Any]:
    """Runs that nobody killed, by curriculum, once they were made."""
    return {}


@pytest.mark.parametrize("killed_at", [3, 4, 5])
@pytest.mark.parametrize(
    "curriculum",
    [
        {"name": "constant", "strategy": "span"},
        {"name": "cm_step", "steps": 6, "stages": 3},
        {"name": "cm_gems", "threshold": 1e9},
    ],
    ids=lambda curriculum: curriculum["name"],
)
def test_resume_is_exact(tiny: Any, whole_runs: dict[str, Any], curriculum: Any, killed_at: int) -> None:
    changes = {
        "curriculum": curriculum,
        "model": {"hidden_dropout_prob": 0.1},
        "trainer": {"dataloader_num_workers": 2},
    }
    if curriculum["name"] not in whole_runs:
        whole_runs[curriculum["name"]] = pretrain(tiny("whole", **changes), quiet=True)
    whole = whole_runs[curriculum["name"]]
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, killed_at)
        with pytest.raises(Killed):
            pretrain(tiny("killed", **changes), quiet=True)
    resumed = pretrain(tiny("killed", **changes), quiet=True, resume=True)
    assert same_weights(whole.folder, resumed.folder)
    assert same_optimizer(whole.folder / "checkpoint-6", resumed.folder / "checkpoint-6")
    assert resumed.record["curriculum"]["state"] == whole.record["curriculum"]["state"]
    assert without_timing(resumed.history) == without_timing(whole.history)


def test_damaged_checkpoint_is_passed_over(tiny: Any, capfd: pytest.CaptureFixture[str]) -> None:
    whole = pretrain(tiny("whole"), quiet=True)
    pretrain(tiny("broken"), quiet=True)
    newest = whole.folder.parent / "broken" / "checkpoint-6"
    (newest / "optimizer.pt").write_bytes((newest / "optimizer.pt").read_bytes()[:100])
    resumed = pretrain(tiny("broken"), quiet=True, resume=True)
    assert "checkpoint-6 is damaged (optimizer.pt)" in capfd.readouterr().err
    assert same_weights(whole.folder, resumed.folder)


def test_loss_is_the_mean_over_all_predicted_tokens_of_the_step(tiny: Any) -> None:
    def losses(name: str, size: int, accumulation: int) -> list[float]:
        trainer = {"per_device_train_batch_size": size, "gradient_accumulation_steps": accumulation}
        history = pretrain(tiny(name, trainer=trainer), quiet=True).history
        return [row["loss"] for row in history if "loss" in row]

    assert losses("one", 8, 1) == pytest.approx(losses("many", 2, 4), rel=1e-5)


def test_output_is_not_overwritten(tiny: Any) -> None:
    pretrain(tiny(), quiet=True)
    with pytest.raises(ConfigError, match="already holds a run"):
        pretrain(tiny(), quiet=True)


def test_resume_with_other_settings_is_refused(tiny: Any) -> None:
    pretrain(tiny(), quiet=True)
    with pytest.raises(ConfigError, match=r"another one: seed \(0, now 5\)"):
        pretrain(tiny(seed=5), quiet=True, resume=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": "dnabrt"}, "dnabert"),
        ({"curriculum": {"name": "cm_gem"}}, "cm_gems"),
        ({"curriculum": {"name": "cm_gems", "treshold": 2}}, "threshold"),
        ({"curriculum": {"name": "constant", "strategy": "genmask"}}, "genemask"),
        ({"curriculum": {"name": "constant", "mask_rate": 1.2}}, "mask rate 1.2"),
        ({"curriculum": {"name": "constant", "mask_rate": 0}}, "mask rate 0"),
        ({"npmi": None}, "dnamask npmi build"),
        ({"npmi": "absent.safetensors"}, "absent.safetensors"),
        ({"corpus": "absent"}, "absent"),
        ({"trainer": {"learning_rat": 1}}, "learning_rate"),
        ({"windows": {"full_length": 600}}, "full_length"),
        ({"mask": {"per": "codon"}}, "token"),
        ({"tokenizer": {"name": "kmer", "k": 60}}, "k"),
    ],
)
def test_bad_settings_are_one_clear_line_and_leave_nothing(tiny: Any, changes: Any, message: str) -> None:
    settings = tiny(**changes)
    with pytest.raises((ConfigError, InputError, DnamaskError)) as caught:
        pretrain(settings, quiet=True)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path(settings.output).exists()


def test_non_finite_loss_stops_with_what_reproduces_it(tiny: Any) -> None:
    from dnamask_plugins.training.finite import NonFiniteLoss

    settings = tiny(trainer={"learning_rate": 1e30, "max_grad_norm": 0, "warmup_steps": 0})
    with pytest.raises(NonFiniteLoss) as caught:
        pretrain(settings, quiet=True)
    assert "step" in str(caught.value)
    assert "example ids" in str(caught.value)
    assert "genemask" in str(caught.value)


def test_perplexity_is_of_the_untrained_model_near_the_vocabulary_size(tiny: Any) -> None:
    settings = tiny(trainer={"max_steps": 1, "eval_steps": 1, "learning_rate": 0.0})
    result = pretrain(replace(settings), quiet=True)
    assert result.perplexity == pytest.approx(4101, rel=0.2)
    assert math.isfinite(result.perplexity or math.nan)
