"""Checkpoints of every layout the field uses, and what must be refused."""

import json
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from dnamask_plugins.errors import ConfigError, DnamaskError, InputError
from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.models.configuration import read_config
from dnamask_plugins.models.loading import load_base, load_classifier, load_masked_lm
from dnamask_plugins.models.positions import max_positions
from dnamask_plugins.plugins import create, load
from dnamask_plugins.tokenizers.export import save_pretrained

KMER = create("tokenizers", "kmer", k=3)
SMALL = {"hidden_size": 24, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 2}


class BpeLike:
    """Ids as DNABERT-2's tokenizer has them; all that loading asks of a tokenizer."""

    vocab_size, pad_token_id, mask_token_id = 60, 3, 4


def logits(model, ids=((2, 9, 8, 3),)):
    ids = torch.tensor(ids)
    with torch.no_grad():
        return model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids)).logits


@pytest.fixture
def bert(tmp_path):
    model, _ = load_masked_lm("bert_tiny", KMER, seed=1, **SMALL)
    folder = tmp_path / "bert"
    model.save_pretrained(folder)
    return model, folder


def edit(path, **changes):
    settings = json.loads(path.read_text())
    for key, value in changes.items():
        settings.pop(key, None)
        if value is not None:
            settings[key] = value
    path.write_text(json.dumps(settings))


def refused(call, kind=DnamaskError):
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


def test_plugin_names_build_from_scratch_with_either_spelling():
    model, description = load_masked_lm("bert-tiny", KMER, seed=1, **SMALL)
    again, _ = load_masked_lm(load("backbones", "bert_tiny"), KMER, seed=1, **SMALL)
    assert description.origin == "scratch"
    assert description.source == "bert_tiny"
    assert description.parameters == sum(p.numel() for p in model.parameters())
    assert description.max_positions == 512
    assert json.loads(json.dumps(description.to_dict()))["architecture"] == "BertForMaskedLM"
    assert "random weights" in str(description)
    assert torch.equal(logits(model), logits(again))


def test_a_saved_folder_gives_the_same_model(bert):
    model, folder = bert
    again, description = load_masked_lm(folder, KMER)
    assert description.origin == "folder"
    assert description.started_fresh == ()
    assert again.training
    assert torch.equal(logits(model), logits(again))


@pytest.mark.parametrize("layout", ["bin", "sharded bin", "sharded safetensors"])
def test_other_layouts_of_weights(bert, layout):
    model, folder = bert
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    suffix = "bin" if "bin" in layout else "safetensors"
    stem = "pytorch_model" if suffix == "bin" else "model"
    write = torch.save if suffix == "bin" else save_file
    if "sharded" not in layout:
        write(state, folder / f"{stem}.{suffix}")
    else:
        names = sorted(state)
        weight_map = {}
        for number, part in enumerate((names[::2], names[1::2])):
            shard = f"{stem}-{number + 1:05d}-of-00002.{suffix}"
            write({name: state[name] for name in part}, folder / shard)
            weight_map |= dict.fromkeys(part, shard)
        (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert torch.equal(logits(model), logits(load_masked_lm(folder, KMER)[0]))


def test_safetensors_win_over_a_pickle_beside_them(bert):
    model, folder = bert
    (folder / "pytorch_model.bin").write_bytes(b"never opened")
    assert torch.equal(logits(model), logits(load_masked_lm(folder, KMER)[0]))


def test_dnaberts_own_layout(bert):
    # Saved by transformers 2: no model_type, every tied tensor written out, a pooler and position ids.
    model, folder = bert
    edit(
        folder / "config.json", model_type=None, architectures=["BertForMaskedLM"], num_rnn_layer=1, split=10
    )
    state = dict(model.state_dict())
    state["bert.pooler.dense.weight"], state["bert.pooler.dense.bias"] = torch.ones(24, 24), torch.ones(24)
    state["bert.embeddings.position_ids"] = torch.arange(512)[None]
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    assert torch.equal(logits(model), logits(load_masked_lm(folder, KMER)[0]))
    base, _ = load_base(folder, KMER)
    assert torch.equal(base.pooler.dense.weight, torch.ones(24, 24))


@pytest.fixture
def published_dnabert2(tmp_path):
    """A folder laid out as zhihan1996/DNABERT-2-117M: remote code named, no model type, pad id 0, .bin."""
    model, _ = load_masked_lm("dnabert2", BpeLike(), seed=1, **SMALL)
    folder = tmp_path / "dnabert2"
    model.save_pretrained(folder)
    state = dict(model.state_dict())
    state["bert.pooler.dense.weight"], state["bert.pooler.dense.bias"] = torch.zeros(24, 24), torch.zeros(24)
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    remote = {
        "AutoConfig": "configuration_bert.BertConfig",
        "AutoModel": "bert_layers.BertModel",
        "AutoModelForMaskedLM": "bert_layers.BertForMaskedLM",
    }
    changes = {
        "model_type": None,
        "pad_token_id": None,
        "auto_map": remote,
        "architectures": ["BertForMaskedLM"],
    }
    edit(folder / "config.json", **changes, position_embedding_type="absolute", use_cache=True)
    (folder / "bert_layers.py").write_text("raise SystemExit('remote code was run')")
    (folder / "configuration_bert.py").write_text("raise SystemExit('remote code was run')")
    return model, folder


def test_published_dnabert2_loads_natively_without_its_code(published_dnabert2):
    model, folder = published_dnabert2
    again, description = load_masked_lm(folder, BpeLike())
    assert description.architecture == "DnaBert2ForMaskedLM"
    assert description.max_positions is None
    assert again.config.pad_token_id == again.bert.embeddings.word_embeddings.padding_idx == 3
    assert torch.equal(logits(model), logits(again))
    classifier, description = load_classifier(folder, BpeLike(), num_labels=3, seed=5)
    assert classifier.num_labels == 3
    assert set(description.started_fresh) == {"classifier.weight", "classifier.bias"}


@pytest.mark.parametrize("revision", ["main", "v1"])
def test_hub_ids_map_to_the_native_class(published_dnabert2, put_on_hub, revision):
    _, folder = published_dnabert2
    put_on_hub(folder, "zhihan1996/DNABERT-2-117M", revision)
    model, description = load_masked_lm(f"zhihan1996/DNABERT-2-117M@{revision}", BpeLike())
    assert type(model).__name__ == "DnaBert2ForMaskedLM"
    assert description.origin == "hub"


def test_hub_that_cannot_be_reached_is_one_line(put_on_hub):
    message = refused(lambda: load_masked_lm("owner/model", KMER), InputError)
    assert "owner/model: cannot be fetched" in message


def test_esm_keeps_its_positions(tmp_path):
    model, _ = load_masked_lm("nucleotide_transformer", BpeLike(), seed=1, **SMALL)
    model.save_pretrained(tmp_path)
    again, description = load_masked_lm(tmp_path, BpeLike())
    assert torch.equal(logits(model), logits(again))
    # Positions are numbered from pad + 1 = 4 of 1002.
    assert description.max_positions == max_positions(again.config) == 998
    assert load_masked_lm("nucleotide_transformer", BpeLike(), **SMALL)[1].max_positions == 998
    assert load_masked_lm("nucleotide_transformer", KMER, **SMALL)[1].max_positions == 1000
    longest = torch.full((1, 998), 9)
    again(input_ids=longest)
    with pytest.raises(IndexError):
        again(input_ids=torch.full((1, 999), 9))


def test_classifier_head_is_drawn_from_the_seed(bert):
    _, folder = bert
    first, description = load_classifier(folder, KMER, num_labels=2, seed=1)
    same, _ = load_classifier(folder, KMER, num_labels=2, seed=1)
    other, _ = load_classifier(folder, KMER, num_labels=2, seed=2)
    assert "classifier.weight" in description.started_fresh
    assert torch.equal(first.classifier.weight, same.classifier.weight)
    assert not torch.equal(first.classifier.weight, other.classifier.weight)
    scratch, _ = load_classifier("bert_tiny", KMER, num_labels=4, seed=1, **SMALL)
    assert scratch.classifier.out_features == 4


def test_settings_can_be_changed_when_loading(bert):
    _, folder = bert
    model, _ = load_masked_lm(folder, KMER, hidden_dropout_prob=0.3)
    assert model.bert.embeddings.dropout.p == 0.3
    assert "hidden_dropout_prob" in refused(
        lambda: load_masked_lm(folder, KMER, hidden_dropout=0.3), ConfigError
    )


class RunsCode:
    def __reduce__(self):
        return (exec, ("import pathlib; pathlib.Path('ran-code').touch()",))


@pytest.mark.parametrize("protocol", ["torch", "pickle"])
def test_a_pickle_that_wants_to_run_code_is_refused(bert, tmp_path, monkeypatch, protocol):
    _, folder = bert
    monkeypatch.chdir(tmp_path)
    (folder / "model.safetensors").unlink()
    content = {"bert.embeddings.word_embeddings.weight": RunsCode()}
    if protocol == "torch":
        torch.save(content, folder / "pytorch_model.bin")
    else:
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(content))
    message = refused(lambda: load_masked_lm(folder, KMER), InputError)
    assert "pytorch_model.bin" in message
    assert "refused" in message
    assert not (tmp_path / "ran-code").exists()


def test_remote_code_of_an_unknown_architecture_is_not_run(bert):
    _, folder = bert
    edit(folder / "config.json", model_type="hyena", auto_map={"AutoConfig": "x.Config"})
    (folder / "x.py").write_text("raise SystemExit('remote code was run')")
    message = refused(lambda: load_masked_lm(folder, KMER), ConfigError)
    assert "'hyena' (custom code x.Config) is not implemented" in message
    assert "implemented: " in message
    assert all(known in message for known in ("bert", "dnamask_dnabert2", "esm", "gena_lm"))


def test_another_architecture_is_refused(bert, tmp_path):
    _, folder = bert
    edit(folder / "config.json", model_type="gpt2", architectures=["GPT2LMHeadModel"])
    assert "gpt2" in refused(lambda: load_masked_lm(folder, KMER), ConfigError)


def test_weights_of_another_architecture_are_refused(bert, published_dnabert2):
    del bert
    _, other = published_dnabert2
    edit(other / "config.json", alibi_starting_size=None, auto_map=None, model_type="bert", pad_token_id=0)
    message = refused(lambda: load_masked_lm(other, BpeLike()), InputError)
    assert "lacks" in message
    assert "too many" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: state.pop("bert.encoder.layer.0.attention.self.key.weight"),
            "lacks 'bert.encoder.layer.0",
        ),
        (lambda state: state.update({"bert.encoder.layer.7.x.weight": torch.ones(2)}), "too many"),
        (lambda state: state.update({"cls.predictions.bias": torch.ones(3)}), "other shapes"),
    ],
)
def test_missing_surplus_and_misshapen_tensors(bert, change, message):
    _, folder = bert
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors")
    assert message in refused(lambda: load_masked_lm(folder, KMER), InputError)


def test_masked_lm_from_a_classifier_is_refused(bert, tmp_path):
    _, folder = bert
    load_classifier(folder, KMER, num_labels=2)[0].save_pretrained(tmp_path / "classifier")
    message = refused(lambda: load_masked_lm(tmp_path / "classifier", KMER), InputError)
    assert "lacks 'cls." in message
    assert "--fresh-head" in message


def test_another_vocabulary_is_refused(bert):
    _, folder = bert
    other = create("tokenizers", "kmer", k=4)
    message = refused(lambda: load_masked_lm(folder, other), ConfigError)
    assert "69 tokens" in message
    assert "261" in message


def test_esm_with_another_padding_id_is_refused(tmp_path):
    load_masked_lm("nucleotide_transformer", BpeLike(), **SMALL)[0].save_pretrained(tmp_path)
    other = type("Other", (BpeLike,), {"pad_token_id": 1})()
    assert "pads with id 3" in refused(lambda: load_masked_lm(tmp_path, other), ConfigError)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "holds no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "not readable JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "not a JSON object"),
        (lambda folder: edit(folder / "config.json", hidden_size="big"), "hidden_size"),
        (lambda folder: _lose_weights_of_a_run(folder), "holds no weights"),
        (lambda folder: _as_pointer(folder), "git lfs pull"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 40), "is damaged"),
        (lambda folder: _truncate(folder / "model.safetensors"), "is damaged"),
        (lambda folder: _as_bin(folder, b""), "is damaged"),
        (lambda folder: _as_bin(folder, b"PK\x03\x04 but no zip"), "pytorch_model.bin"),
        (lambda folder: _missing_shard(folder), "missing"),
    ],
)
def test_damaged_checkpoints_are_one_line(bert, damage, message):
    _, folder = bert
    damage(folder)
    assert message in refused(lambda: load_masked_lm(folder, KMER), InputError)


def _lose_weights_of_a_run(folder):
    (folder / "model.safetensors").unlink()
    (folder / "trainer_state.json").write_text("{}")


def _as_pointer(folder):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    _as_bin(folder, pointer.encode())


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def _as_bin(folder, content):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(content)


def _missing_shard(folder):
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"bert.x": "model-00001-of-00001.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_a_shard_outside_the_folder_is_not_read(bert, tmp_path):
    _, folder = bert
    shutil.move(folder / "model.safetensors", tmp_path / "outside.safetensors")
    index = {"weight_map": {"bert.x": "../outside.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(lambda: load_masked_lm(folder, KMER), InputError)


def test_names_that_are_nothing():
    assert "did you mean 'bert_tiny'" in refused(lambda: load_masked_lm("bert_tin", KMER), ConfigError)
    assert "no such folder" in refused(lambda: load_masked_lm("./nowhere", KMER), InputError)
    assert "no such folder" in refused(lambda: load_masked_lm("/no/where/at/all", KMER), InputError)


def test_read_config_and_types(bert):
    _, folder = bert
    assert read_config(folder).model_type == "bert"
    assert isinstance(load("backbones", "bert_tiny"), Backbone)


def test_a_vocabulary_of_the_same_size_in_another_order_is_refused(bert):
    _, folder = bert
    save_pretrained(create("tokenizers", "kmer", k=3, order="ACGT"), folder)
    message = refused(lambda: load_masked_lm(folder, KMER), ConfigError)
    assert "id 6 is 'AAC' in tokenizer.json and 'AAT' in the tokenizer" in message
    load_masked_lm(folder, create("tokenizers", "kmer", k=3, order="ACGT"))
