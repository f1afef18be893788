"""GENA-LM against the answers of its own implementation, and under its own file layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_models import Ids, write_checkpoint

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.models.backbones.gena_lm import describes
from dnamask_plugins.models.loading import load_base, load_classifier, load_masked_lm
from dnamask_plugins.models.masked_loss import masked_lm_loss

GOLDEN = json.loads((Path(__file__).parent / "golden" / "gena_lm.json").read_text())["forms"]
TOKENIZER = Ids(24, pad=3, mask=4)


@pytest.fixture(params=GOLDEN)
def form(request: pytest.FixtureRequest) -> dict[str, Any]:
    return GOLDEN[request.param]


def inputs(form: dict[str, Any]) -> dict[str, torch.Tensor]:
    ids = torch.tensor(form["input_ids"])
    return {"input_ids": ids, "attention_mask": (ids != 3).long()}


def assert_close_on_tokens(came: torch.Tensor, expected: list[list[float]], tokens: torch.Tensor) -> None:
    wanted = torch.tensor(expected).view(came.shape)
    torch.testing.assert_close(came[tokens], wanted[tokens], atol=2e-5, rtol=1e-4)


def test_answers_are_the_originals(form: dict[str, Any], tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", form["config"], form["masked_lm"], form["tied"])
    model, description = load_masked_lm(folder, TOKENIZER)
    assert (description.architecture, description.started_fresh) == ("GenaForMaskedLM", ())
    given = inputs(form)
    tokens = given["attention_mask"].bool()
    with torch.no_grad():
        answer = model.eval()(**given, output_hidden_states=True)
        assert_close_on_tokens(answer.logits, form["logits"], tokens)
        base, _ = load_base(folder, TOKENIZER)
        assert_close_on_tokens(base.eval()(**given).last_hidden_state, form["hidden"], tokens)


def test_the_classifier_is_the_originals(form: dict[str, Any], tmp_path: Path) -> None:
    names = {str(number): str(number) for number in range(3)}
    folder = write_checkpoint(tmp_path / "model", form["config"] | {"id2label": names}, form["classifier"])
    model, _ = load_classifier(folder, TOKENIZER, head="kept", num_labels=3)
    with torch.no_grad():
        torch.testing.assert_close(
            model.eval()(**inputs(form)).logits, torch.tensor(form["classes"]), atol=2e-5, rtol=1e-4
        )


def test_the_packed_loss_and_its_gradient_are_the_models_own(form: dict[str, Any], tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", form["config"], form["masked_lm"], form["tied"])
    model = load_masked_lm(folder, TOKENIZER)[0].eval()
    given = inputs(form)
    labels = torch.where(given["input_ids"] == 4, 8, -100)
    labels[1, 2] = 12
    gradients = []
    for loss in (masked_lm_loss(model, *given.values(), labels)[0], model(**given, labels=labels).loss):
        model.zero_grad()
        loss.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


def test_a_saved_folder_gives_the_same_model(form: dict[str, Any], tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", form["config"], form["masked_lm"], form["tied"])
    model = load_masked_lm(folder, TOKENIZER)[0].eval()
    model.save_pretrained(tmp_path / "saved")
    again = load_masked_lm(tmp_path / "saved", TOKENIZER)[0].eval()
    assert type(again) is type(model)
    with torch.no_grad():
        assert torch.equal(again(**inputs(form)).logits, model(**inputs(form)).logits)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sparse_attention": {"block": 64}}, "DeepSpeed"),
        ({"position_embedding_type": "rotary"}, "'rotary' is not implemented"),
        ({"pre_layer_norm": False, "last_layer_norm": True}, "needs pre_layer_norm"),
    ],
)
def test_forms_that_are_not_implemented_are_one_line(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    form = GOLDEN["preln"]
    folder = write_checkpoint(tmp_path / "model", form["config"] | changes, form["masked_lm"], form["tied"])
    with pytest.raises(DnamaskError, match=message) as error:
        load_masked_lm(folder, TOKENIZER)
    assert "\n" not in str(error.value)


def test_the_bigbird_form_is_transformers_own() -> None:
    assert not describes({"model_type": "big_bird", "architectures": ["BigBirdForPreTraining"]})
    assert describes({"model_type": "bert", "pre_layer_norm": True})
