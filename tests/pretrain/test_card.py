"""The code on a model card runs in its folder, and the card says how the model came to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fenced_blocks import blocks_of

from dnamask_plugins.pretrain.run import pretrain


def run_code(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Execute every Python block of a card, in its folder, and return what it printed."""
    monkeypatch.chdir(folder)
    blocks = [block for block in blocks_of(folder / "README.md") if block.language == "python"]
    assert blocks
    capsys.readouterr()
    for block in blocks:
        exec(compile(block.text, "README.md", "exec"), {})
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, ["from transformers import", "global_npmi", "all weights", "under `"]),
        ({"backbone": "dnabert2", "tokenizer": "kmer:k=3"}, ["import dnamask_plugins.models.auto"]),
        ({"lora": {"rank": 2}}, ["LoRA adapters (rank 2), merged", "`adapter/`"]),
    ],
)
def test_the_code_of_a_card_runs(
    tiny: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    says: list[str],
) -> None:
    short = {"max_steps": 1, "eval_steps": 1, "save_steps": 1, "gradient_accumulation_steps": 1}
    folder = pretrain(tiny(trainer=short, **changes), quiet=True).folder
    text = (folder / "README.md").read_text()
    for each in says:
        assert each in text
    assert "torch.Size([1, " in run_code(folder, monkeypatch, capsys)


def test_a_tokenizer_without_a_hugging_face_form_is_loaded_by_us(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dnamask_plugins.errors import ConfigError
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer

    def refuse(self: object) -> None:
        raise ConfigError("no such form")

    monkeypatch.setattr(KmerTokenizer, "to_huggingface", refuse)
    short = {"max_steps": 1, "eval_steps": 1, "save_steps": 1, "gradient_accumulation_steps": 1}
    folder = pretrain(tiny(trainer=short), quiet=True).folder
    text = (folder / "README.md").read_text()
    assert "AutoTokenizer.from_pretrained" not in text
    assert "has no Hugging Face form" in text
    assert "torch.Size([1, " in run_code(folder, monkeypatch, capsys)
