import warnings

import pytest
import torch

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.models.loading import load_classifier, load_masked_lm
from dnamask_plugins.models.lora import (
    LoraSettings,
    add_lora,
    find_targets,
    load_adapters,
    merge_lora,
    save_adapters,
)
from dnamask_plugins.models.masked_loss import masked_lm_loss
from dnamask_plugins.plugins import create

KMER = create("tokenizers", "kmer", k=3)
RANK_2 = LoraSettings(rank=2)
SMALL = {"hidden_size": 24, "num_attention_heads": 4, "intermediate_size": 16, "num_hidden_layers": 2}
IDS = torch.tensor([[2, 9, 8, 7, 3], [2, 30, 31, 32, 3]])


def build(name="bert_tiny", seed=0):
    return load_masked_lm(name, KMER, seed=seed, **SMALL)[0].eval()


def train(model, steps=3):
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    for _ in range(steps):
        masked_lm_loss(model, IDS, None, IDS)[0].backward()
        optimizer.step()
        optimizer.zero_grad()


def logits(model):
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("bert_tiny", ["key", "query", "value"]),
        ("dnabert2", ["Wqkv"]),
        ("nucleotide_transformer", ["key", "query", "value"]),
    ],
)
def test_targets_are_found_and_alone_are_trained(name, targets):
    model = build(name)
    found = find_targets(model)
    assert sorted({name.rpartition(".")[2] for name in found}) == targets
    before = {key: value.clone() for key, value in model.state_dict().items()}
    start = logits(model)
    adapted = add_lora(model, RANK_2)
    assert torch.equal(logits(adapted), start)
    train(adapted)
    assert not torch.equal(logits(adapted), start)
    trained = [key for key, p in adapted.named_parameters() if p.requires_grad]
    assert len(trained) == 2 * len(found) == 2 * 2 * len(targets)
    assert all("lora_" in key for key in trained)
    for key, value in adapted.get_base_model().state_dict().items():
        plain = key.replace(".base_layer", "")
        if plain in before:
            assert torch.equal(value, before[plain]), key


def test_projections_have_other_names_elsewhere():
    from transformers import DistilBertConfig, DistilBertForMaskedLM

    model = DistilBertForMaskedLM(
        DistilBertConfig(vocab_size=69, dim=24, n_heads=2, n_layers=1, hidden_dim=16)
    )
    names = {name.rpartition(".")[2] for name in find_targets(model)}
    assert names == {"q_lin", "k_lin", "v_lin"}
    everything = find_targets(model, "all-linear")
    assert "distilbert.transformer.layer.0.ffn.lin1" in everything
    assert not any("vocab" in name for name in everything)
    add_lora(model, RANK_2)


def test_saved_adapters_go_back_on_the_model(tmp_path):
    adapted = add_lora(build(), RANK_2)
    train(adapted)
    save_adapters(adapted, tmp_path)
    assert (tmp_path / "adapter_model.safetensors").stat().st_size < 20_000
    again = load_adapters(build(), tmp_path)
    assert torch.equal(logits(again), logits(adapted))
    assert any(p.requires_grad for p in again.parameters())
    assert not any(p.requires_grad for p in load_adapters(build(), tmp_path, trainable=False).parameters())


@pytest.mark.parametrize("name", ["bert_tiny", "dnabert2"])
def test_merged_model_is_plain_and_loads(name, tmp_path):
    adapted = add_lora(build(name), RANK_2)
    train(adapted)
    expected = logits(adapted)
    merged = merge_lora(adapted)
    assert type(merged) is type(build(name))
    merged.save_pretrained(tmp_path)
    again, _ = load_masked_lm(tmp_path, KMER)
    torch.testing.assert_close(logits(again), expected, atol=1e-5, rtol=1e-5)


def test_a_classifier_trains_its_head_too():
    model, _ = load_classifier("bert_tiny", KMER, num_labels=2, **SMALL)
    adapted = add_lora(model, RANK_2)
    trained = {name for name, p in adapted.named_parameters() if p.requires_grad}
    assert any("classifier" in name for name in trained)
    assert not any("pooler" in name for name in trained)
    fresh = ["bert.pooler.dense.weight", "classifier.weight"]
    adapted = add_lora(load_classifier("bert_tiny", KMER, num_labels=2, **SMALL)[0], RANK_2, fresh=fresh)
    assert any("pooler" in name for name, p in adapted.named_parameters() if p.requires_grad)


def test_seed_fixes_the_adapters_and_leaves_the_global_state():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first, same, other = (add_lora(build(), RANK_2, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(2), expected)
    name = next(name for name in first if "lora_A" in name)
    assert torch.equal(first[name], same[name])
    assert not torch.equal(first[name], other[name])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rank": 0}, "rank 0"),
        ({"dropout": 1.0}, "dropout 1"),
        ({"alpha": 0}, "alpha 0"),
        ({"targets": ["attention.nothing"]}, "targets 'attention'"),
        ({"targets": "Wqkv"}, "dense, key, query, value"),
    ],
)
def test_bad_settings_are_one_line(settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        add_lora(build(), LoraSettings(**settings))
    assert "\n" not in str(caught.value)


def test_folders_without_fitting_adapters_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no LoRA adapters"):
        load_adapters(build(), tmp_path)
    save_adapters(add_lora(build("dnabert2"), RANK_2), tmp_path)
    with pytest.raises(InputError, match="does not fit this model"):
        load_adapters(build(), tmp_path)


def test_names_of_earlier_versions_are_read():
    old = LoraSettings.from_mapping({"r": 4, "target_modules": []})
    assert old == LoraSettings.from_mapping({"rank": 4, "targets": "auto"}) == LoraSettings(rank=4)
    with pytest.raises(ConfigError, match="recipe: unknown setting 'ranc'; did you mean 'rank'"):
        LoraSettings.from_mapping({"ranc": 4}, "recipe")


def test_adapters_say_their_base_and_ask_no_hub(tmp_path, monkeypatch):
    import socket

    from peft import AutoPeftModel

    def no_network(*_, **__):
        raise AssertionError("asked the network")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    build().save_pretrained(tmp_path / "base")
    model, _ = load_masked_lm(tmp_path / "base", KMER)
    adapted = add_lora(model, RANK_2, base=str(tmp_path / "base"))
    train(adapted)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adapted.save_pretrained(tmp_path / "checkpoint")  # as the Trainer does
    again = AutoPeftModel.from_pretrained(str(tmp_path / "checkpoint"))
    torch.testing.assert_close(logits(again), logits(adapted))
