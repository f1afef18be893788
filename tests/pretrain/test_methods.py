"""``init`` and ``loss``: on by a setting, off by default, recorded, and the same however a step is cut up."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from recording import Killed, kill_at, same_weights
from safetensors.torch import load_file
from typer.testing import CliRunner

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.pretrain.perplexity import perplexity_under
from dnamask_plugins.pretrain.run import pretrain


def losses(run: Any) -> list[float]:
    return [row["loss"] for row in run.history if "loss" in row]


@pytest.mark.parametrize("loss", ["nucleotide", "both"])
def test_accumulation_changes_no_loss_and_no_gradient(tiny: Any, loss: str) -> None:
    def run(name: str, size: int, accumulation: int) -> Any:
        trainer = {
            "per_device_train_batch_size": size,
            "gradient_accumulation_steps": accumulation,
            "max_steps": 3,
        }
        # Windows of many lengths: micro-batches hide different numbers of nucleotides.
        windows = {"full_length": 64, "full_share": 0.3, "min_length": 8}
        return pretrain(tiny(name, loss=loss, trainer=trainer, windows=windows), quiet=True)

    one, many = run("one", 8, 1), run("many", 1, 8)
    assert losses(one) == pytest.approx(losses(many), rel=1e-5)
    first, second = (load_file(each.folder / "model.safetensors") for each in (one, many))
    for name, weight in first.items():
        torch.testing.assert_close(weight, second[name], atol=2e-4, rtol=0)


def test_both_is_the_sum_and_nucleotide_starts_at_ln_4(tiny: Any) -> None:
    trainer = {"max_steps": 1, "logging_steps": 1}
    token, nucleotide, both = (
        losses(pretrain(tiny(name, loss=name, trainer=trainer), quiet=True))[0]
        for name in ("token", "nucleotide", "both")
    )
    assert both == pytest.approx(token + nucleotide, rel=1e-4)
    assert nucleotide == pytest.approx(math.log(4), rel=0.05)


def test_every_run_says_its_perplexity_per_nucleotide(tiny: Any) -> None:
    for tokenizer in ("kmer", {"name": "logo", "n": 3}, "nucleotide"):
        name = str(tokenizer)
        run = pretrain(tiny(name, tokenizer=tokenizer), quiet=True)
        rows = [row for row in run.history if "eval_perplexity" in row]
        assert all(1 < row["eval_nucleotide_perplexity"] < 5 for row in rows)
        assert rows[-1]["eval_nucleotide_perplexity"] == run.record["progress"]["nucleotide_perplexity"]
        record = json.loads((run.folder / "run.json").read_text())
        assert record["progress"]["nucleotide_perplexity"] == run.record["progress"]["nucleotide_perplexity"]
        assert "per hidden nucleotide" in (run.folder / "README.md").read_text()


def test_a_tokenizer_that_tells_no_spelling_is_trained_without(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer

    monkeypatch.setattr(KmerTokenizer, "spellings", None)
    run = pretrain(tiny("silent"), quiet=True)
    assert run.record["progress"]["nucleotide_perplexity"] is None
    for changes in ({"loss": "nucleotide"}, {"init": "spelled"}):
        with pytest.raises(ConfigError, match="does not tell"):
            pretrain(tiny("refused", **changes), quiet=True)


def test_a_curriculum_with_a_memory_is_told_what_the_letters_do_not_train(
    tiny: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    pretrain(tiny("told", loss="nucleotide", trainer={"max_steps": 1}), quiet=True)
    assert "'cm_gems' has a memory and may read perplexity per token" in capfd.readouterr().err
    constant = {"name": "constant", "strategy": "span"}
    pretrain(tiny("quiet", loss="nucleotide", curriculum=constant, trainer={"max_steps": 1}), quiet=True)
    pretrain(tiny("both", loss="both", trainer={"max_steps": 1}), quiet=True)
    assert "memory" not in capfd.readouterr().err


def test_the_spelled_start_is_another_start_and_is_recorded(tiny: Any) -> None:
    plain, spelled = (pretrain(tiny(name, init=name), quiet=True) for name in ("plain", "spelled"))
    assert losses(plain) != losses(spelled)
    assert spelled.record["settings"]["init"] == "spelled"
    assert "spelled, token" in (spelled.folder / "README.md").read_text()
    assert "embeddings begin" not in (plain.folder / "README.md").read_text()


def test_a_resumed_run_keeps_its_start_and_its_loss(tiny: Any) -> None:
    methods = {"init": "spelled", "loss": "both"}
    whole = pretrain(tiny("whole", **methods), quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, 4)
        with pytest.raises(Killed):
            pretrain(tiny("killed", **methods), quiet=True)
    with pytest.raises(ConfigError, match=r"init \(spelled, now plain\)"):
        pretrain(tiny("killed", init="plain", loss="both"), resume=True, quiet=True)
    resumed = pretrain(tiny("killed", **methods), resume=True, quiet=True)
    assert losses(resumed) == losses(whole)
    assert same_weights(resumed.folder, whole.folder)


def test_defaults_leave_the_identity_of_a_run_as_it_was(tiny: Any) -> None:
    run = pretrain(tiny("plain"), quiet=True)
    same = pretrain(tiny("explicit", init="plain", loss="token"), quiet=True)
    other = pretrain(tiny("other", loss="both"), quiet=True)
    assert run.record["fingerprint"] == same.record["fingerprint"] != other.record["fingerprint"]


def test_a_spelled_start_of_a_model_with_weights_is_refused(tiny: Any) -> None:
    folder = pretrain(tiny("first"), quiet=True).folder
    again = tiny("second", backbone=str(folder), model={}, init="spelled")
    object.__setattr__(again, "model", {})
    with pytest.raises(ConfigError, match="comes with weights"):
        pretrain(again, quiet=True)
    assert not (Path(again.output) / "settings.json").exists()


@pytest.mark.parametrize("setting", [{"init": "speled"}, {"loss": "nucleotides"}])
def test_unknown_words_are_refused_with_the_nearest(tiny: Any, setting: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        pretrain(tiny("typo", **setting), quiet=True)


def test_the_command_measures_both_and_has_a_dash_where_nothing_is_hidden(
    tiny: Any, small_corpus: Path
) -> None:
    from dnamask_plugins.cli import app

    run = pretrain(tiny("model"), quiet=True)
    arguments = ["perplexity", "--model", str(run.folder), "--corpus", str(small_corpus), "--windows", "8"]
    arguments += ["--length", "64", "--strategies", "span", "--mask-rate", "0.15"]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    title, span = shown.output.strip().splitlines()
    assert title.split() == ["mask", "per", "token", "per", "nucleotide"]
    assert 1 < float(span.split()[2]) < 5
    measured = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert set(measured["span"]) == {"perplexity", "nucleotide_perplexity"}
    found = perplexity_under(run.folder, small_corpus, ["random_token"], windows=1, length=64, mask_rate=0.02)
    assert found["random_token"].nucleotide is None
    assert "nucleotide_perplexity" not in found["random_token"].perplexities()
