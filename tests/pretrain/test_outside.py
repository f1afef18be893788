"""What the rest of the ecosystem does with an output folder: pipelines, heads, export, the hub, peft."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.source import find_source
from dnamask_plugins.pretrain.run import pretrain

TEXT = "ACGTTGCATGCCAGTAACCGGTTAACGTTG"
SHORT = {"max_steps": 1, "eval_steps": 1, "save_steps": 1, "gradient_accumulation_steps": 1}


@pytest.fixture
def folder(tiny: Any) -> Path:
    return pretrain(tiny(trainer=SHORT), quiet=True).folder


def test_a_folder_of_ours_goes_on_everywhere(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer, pipeline

    monkeypatch.chdir(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.model_max_length == 512
    assert len(tokenizer("ACGT" * 300, truncation=True)["input_ids"]) == 512

    fill = pipeline("fill-mask", model=str(folder), tokenizer=str(folder), device=-1)
    answers = fill(f"{TEXT}[MASK]{TEXT}")
    assert len(answers) == 5
    assert all(len(answer["token_str"]) == 6 and answer["score"] <= 1 for answer in answers)

    classifier = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3)
    assert classifier(**tokenizer(TEXT, return_tensors="pt")).logits.shape == (1, 3)

    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    ids = tokenizer(TEXT, return_tensors="pt")["input_ids"]
    exported = torch.export.export(model, (ids,), strict=False)
    torch.testing.assert_close(exported.module()(ids).logits, model(ids).logits)


def test_a_folder_goes_to_the_hub_and_comes_back(
    folder: Path, put_on_hub: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stand-in takes the upload; what it got is then read as a repository is, with a revision."""
    from huggingface_hub import HfApi

    received = tmp_path / "received"

    def upload(self: Any, *, folder_path: str, **_: Any) -> None:
        shutil.copytree(folder_path, received)

    monkeypatch.setattr(HfApi, "upload_folder", upload)
    HfApi().upload_folder(repo_id="lab/model", folder_path=str(folder))
    put_on_hub(received, "lab/model", "v1")
    source = find_source("lab/model@v1")
    assert source.origin == "hub"
    assert source.tokenizer() == find_source(folder).tokenizer()
    there, _ = load_masked_lm(source, source.tokenizer())
    here, _ = load_masked_lm(folder, source.tokenizer())
    assert all(torch.equal(a, b) for a, b in zip(there.parameters(), here.parameters(), strict=True))


def test_pushing_with_transformers_sends_model_and_tokenizer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import HfApi, ModelCard
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    sent: list[str] = []

    def create_repo(self: Any, repo_id: str, **_: Any) -> Any:
        return type("Repo", (), {"repo_id": repo_id})()

    def create_commit(self: Any, *, operations: Any, **_: Any) -> None:
        sent.extend(each.path_in_repo for each in operations)

    monkeypatch.setattr(HfApi, "create_repo", create_repo)
    monkeypatch.setattr(HfApi, "create_commit", create_commit)
    monkeypatch.setattr(ModelCard, "load", lambda *_, **__: ModelCard("---\nlicense: mit\n---\n"))
    AutoModelForMaskedLM.from_pretrained(folder).push_to_hub("lab/model")
    AutoTokenizer.from_pretrained(folder).push_to_hub("lab/model")
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= set(sent)


def test_adapters_of_a_run_know_their_base(folder: Path, tiny: Any) -> None:
    from peft import AutoPeftModel

    run = pretrain(
        tiny("adapted", backbone=str(folder), model={}, lora={"rank": 2}, trainer=SHORT), quiet=True
    )
    adapted = AutoPeftModel.from_pretrained(str(run.folder / "adapter")).eval()
    tokenizer = find_source(run.folder).tokenizer()
    merged, _ = load_masked_lm(run.folder, tokenizer)
    ids = torch.from_numpy(tokenizer.encode(TEXT).input_ids)[None]
    with torch.no_grad():
        torch.testing.assert_close(adapted(ids).logits, merged.eval()(ids).logits, atol=1e-4, rtol=1e-4)
