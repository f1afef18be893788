"""Folders as authors publish them: what is recognised, and what is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.models.loading import load_classifier, load_masked_lm
from dnamask_plugins.models.source import find_source, load_backbone
from dnamask_plugins.tokenizers.kmer import KmerTokenizer

SMALL = {"hidden_size": 24, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 2}


def publish(folder: Path, backbone: str, words: KmerTokenizer, **config: Any) -> Path:
    """Write the folder of a k-mer model: ``vocab.txt``, and a configuration with other keys than ours."""
    load_backbone(backbone).build(words, 0, **SMALL).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words.vocabulary) + "\n")
    path = folder / "config.json"
    settings = json.loads(path.read_text()) | config
    path.write_text(json.dumps({key: value for key, value in settings.items() if value is not None}))
    return folder


def scores(folder: Path) -> torch.Tensor:
    tokenizer = find_source(folder).tokenizer()
    ids = torch.from_numpy(tokenizer.encode("ACGTTGCATTAC").input_ids)[None]
    with torch.no_grad():
        return load_masked_lm(folder, tokenizer)[0].eval()(input_ids=ids).logits


def test_prokbert_in_its_old_and_its_new_form(tmp_path: Path) -> None:
    words = KmerTokenizer(3, "ACGT")
    old = publish(tmp_path / "old", "prokbert", words, model_type="megatron-bert")
    new = publish(tmp_path / "new", "prokbert", words, model_type="prokbert", auto_map={"AutoModel": "x.Y"})
    assert find_source(new).tokenizer() == words
    assert torch.equal(scores(old), scores(new))
    with pytest.raises(DnamaskError, match=r"id 6 is 'AAC' in vocab\.txt"):
        load_masked_lm(new, KmerTokenizer(3))


def test_prokbert_on_modernberts_layers_is_refused(tmp_path: Path) -> None:
    folder = publish(
        tmp_path / "x",
        "prokbert",
        KmerTokenizer(3, "ACGT"),
        model_type="prokbert",
        norm_eps=1e-5,
        auto_map={"AutoModelForMaskedLM": "modeling_prokbert.ProkBertForMaskedLM"},
    )
    with pytest.raises(DnamaskError, match=r"custom code modeling_prokbert\.ProkBertForMaskedLM") as error:
        load_masked_lm(folder, KmerTokenizer(3, "ACGT"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("k", [3, 4, 5, 6])
def test_dnabert_from_before_model_types(k: int, tmp_path: Path) -> None:
    """Its configuration has no model type, and keys that nobody reads."""
    folder = publish(
        tmp_path / "x",
        "dnabert",
        KmerTokenizer(k),
        model_type=None,
        architectures=["BertForMaskedLM"],
        num_rnn_layer=1,
        split=10,
    )
    assert find_source(folder).tokenizer() == KmerTokenizer(k)
    assert scores(folder).shape[-1] == 4**k + 5


def test_weights_of_a_head_that_is_not_used_do_no_harm(tmp_path: Path) -> None:
    """GENA-LM's files hold BERT's second pretraining task and a pooler."""
    folder = publish(tmp_path / "x", "gena_lm", KmerTokenizer(3), model_type="bert")
    state = load_file(folder / "model.safetensors")
    state["cls.seq_relationship.weight"] = torch.ones(2, 24)
    state["cls.seq_relationship.bias"] = torch.ones(2)
    state["bert.pooler.dense.weight"], state["bert.pooler.dense.bias"] = torch.ones(24, 24), torch.ones(24)
    state["bert.embeddings.position_ids"] = torch.arange(512)[None]
    save_file(state, folder / "model.safetensors")
    assert scores(folder).isfinite().all()
    classifier, _ = load_classifier(folder, KmerTokenizer(3), num_labels=2)
    assert torch.equal(classifier.bert.pooler.dense.weight, torch.ones(24, 24))
