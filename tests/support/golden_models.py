"""Checkpoints whose weights are a formula, so that only an original's answers have to be kept."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file


def weights(name: str, shape: list[int]) -> torch.Tensor:
    """Return the parameter of a name: 0.3 * sin(1.7 * i + crc32(name) % 1000) at place i."""
    count = int(np.prod(shape))
    values = 0.3 * np.sin(1.7 * np.arange(count) + zlib.crc32(name.encode()) % 1000)
    return torch.from_numpy(values.reshape(shape).astype(np.float32))


def write_checkpoint(
    folder: Path,
    config: Mapping[str, Any],
    shapes: Mapping[str, list[int]],
    tied: Mapping[str, str] | None = None,
) -> Path:
    """Write a checkpoint under the official names; what is tied in the original holds one value."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    state = {name: weights((tied or {}).get(name, name), shape) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        if name.endswith("position_ids"):
            state[name] = torch.arange(shape[-1]).expand(shape).clone()
    save_file(state, folder / "model.safetensors")
    return folder


def inputs(form: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return what a form's answers belong to, with the mask of what is no padding."""
    ids = torch.tensor(form["input_ids"])
    return {"input_ids": ids, "attention_mask": (ids != form["config"]["pad_token_id"]).long()}


def assert_close_on_tokens(came: torch.Tensor, expected: list[float], tokens: torch.Tensor) -> None:
    """Compare answers where there is no padding."""
    wanted = torch.tensor(expected).view(came.shape)
    torch.testing.assert_close(came[tokens], wanted[tokens], atol=2e-5, rtol=1e-4)


def check_answers(form: Mapping[str, Any], tokenizer: Any, place: Path) -> None:
    """Compare scores, hidden states and a classifier with an original's, loaded from its own layout."""
    from dnamask_plugins.models.loading import load_base, load_classifier, load_masked_lm

    given = inputs(form)
    tokens = given["attention_mask"].bool()
    folder = write_checkpoint(place / "masked", form["config"], form["masked_lm"], form["tied"])
    names = {str(number): str(number) for number in range(3)}
    other = write_checkpoint(place / "classes", form["config"] | {"id2label": names}, form["classifier"])
    model, description = load_masked_lm(folder, tokenizer)
    assert description.started_fresh == ()
    base, _ = load_base(folder, tokenizer)
    classifier, _ = load_classifier(other, tokenizer, head="kept", num_labels=3)
    with torch.no_grad():
        assert_close_on_tokens(model.eval()(**given).logits, form["logits"], tokens)
        assert_close_on_tokens(base.eval()(**given).last_hidden_state, form["hidden"], tokens)
        classes = classifier.eval()(**given).logits
    torch.testing.assert_close(classes, torch.tensor(form["classes"]), atol=2e-5, rtol=1e-4)


class Ids:
    """All that loading asks of a tokenizer."""

    def __init__(self, size: int, pad: int, mask: int) -> None:
        self.vocab_size, self.pad_token_id, self.mask_token_id = size, pad, mask
