"""Nucleotide Transformer v2 against the answers of its own implementation, under its own file layout.

The original that was run is the authors' in JAX; its parameters were given the names of the published PyTorch
checkpoints.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_models import Ids, weights, write_checkpoint
from safetensors.torch import load_file, save_file

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.models.configuration import read_config
from dnamask_plugins.models.loading import load_base, load_classifier, load_masked_lm
from dnamask_plugins.models.masked_loss import masked_lm_loss

FILE = Path(__file__).parent / "golden" / "nucleotide_transformer_v2.json"
GOLDEN = json.loads(FILE.read_text())["forms"]
TOKENIZER = Ids(24, pad=1, mask=2)


@pytest.fixture(params=GOLDEN)
def form(request: pytest.FixtureRequest) -> dict[str, Any]:
    return GOLDEN[request.param]


@pytest.fixture
def folder(form: dict[str, Any], tmp_path: Path) -> Path:
    """A checkpoint as published: angles in every layer, and positions that nothing reads."""
    path = write_checkpoint(tmp_path / "model", form["config"], form["masked_lm"])
    state = load_file(path / "model.safetensors")
    for name in state:
        if name.endswith("inv_freq"):
            state[name] = 1 / 10_000 ** (torch.arange(0, 4, 2) / 4)
    state["esm.embeddings.position_embeddings.weight"] = torch.ones(50, 12)
    save_file(state, path / "model.safetensors")
    return path


def inputs(form: dict[str, Any]) -> dict[str, torch.Tensor]:
    ids = torch.tensor(form["input_ids"])
    return {"input_ids": ids, "attention_mask": (ids != 1).long()}


def test_answers_are_the_originals(form: dict[str, Any], folder: Path) -> None:
    given = inputs(form)
    tokens = given["attention_mask"].bool()
    model, description = load_masked_lm(folder, TOKENIZER)
    base, _ = load_base(folder, TOKENIZER)
    assert description.architecture == "NucleotideTransformerV2ForMaskedLM"
    assert all("contact_head" in name or "inv_freq" in name for name in description.started_fresh)
    with torch.no_grad():
        for came, expected in (
            (model.eval()(**given).logits, form["logits"]),
            (base.eval()(**given).last_hidden_state, form["hidden"]),
        ):
            wanted = torch.tensor(expected).view(came.shape)
            torch.testing.assert_close(came[tokens], wanted[tokens], atol=2e-5, rtol=1e-4)


def test_the_packed_loss_and_its_gradient_are_the_models_own(form: dict[str, Any], folder: Path) -> None:
    model = load_masked_lm(folder, TOKENIZER)[0].eval()
    given = inputs(form)
    labels = torch.where(given["input_ids"] == 2, 8, -100)
    labels[1, 2] = 12
    gradients = []
    for loss in (masked_lm_loss(model, *given.values(), labels)[0], model(**given, labels=labels).loss):
        model.zero_grad()
        loss.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


def test_a_saved_folder_gives_the_same_model(form: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    model = load_masked_lm(folder, TOKENIZER)[0].eval()
    model.save_pretrained(tmp_path / "saved")
    again = load_masked_lm(tmp_path / "saved", TOKENIZER)[0].eval()
    assert type(again) is type(model)
    assert again.config.add_bias_fnn == form["config"]["add_bias_fnn"]
    with torch.no_grad():
        assert torch.equal(again(**inputs(form)).logits, model(**inputs(form)).logits)
    classifier, _ = load_classifier(tmp_path / "saved", TOKENIZER, num_labels=3)
    assert classifier.eval()(**inputs(form)).logits.shape == (2, 3)


def test_a_feed_forward_block_without_a_gate_is_refused(form: dict[str, Any], folder: Path) -> None:
    """Weights of plain ESM under this configuration: half as wide."""
    state = load_file(folder / "model.safetensors")
    name = "esm.encoder.layer.0.intermediate.dense.weight"
    state[name] = weights(name, [16, 12])
    save_file(state, folder / "model.safetensors")
    with pytest.raises(DnamaskError, match="other shapes"):
        load_masked_lm(folder, TOKENIZER)


def test_the_name_esm_does_not_hide_it(form: dict[str, Any], folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(form["config"] | {"model_type": "esm"}))
    config = read_config(folder)
    assert (config.model_type, config.add_bias_fnn) == (
        "nucleotide_transformer_v2",
        form["config"]["add_bias_fnn"],
    )
