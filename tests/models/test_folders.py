"""Model folders that people really have: checkpoints of a run, a plain Trainer's, heads of other tasks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from dnamask_plugins.errors import ConfigError, DnamaskError, InputError
from dnamask_plugins.models.loading import load_base, load_classifier, load_masked_lm
from dnamask_plugins.models.source import find_source
from dnamask_plugins.plugins import create
from dnamask_plugins.quiet import quiet_transformers
from dnamask_plugins.tokenizers.export import save_pretrained, to_huggingface
from dnamask_plugins.tokenizers.kmer import KmerTokenizer

KMER = create("tokenizers", "kmer", k=3)
SMALL = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A BERT over 3-mers with its tokenizer."""
    place = tmp_path / "bert"
    load_masked_lm("bert_tiny", KMER, seed=1, **SMALL)[0].save_pretrained(place)
    save_pretrained(KMER, place)
    return place


def edit(path: Path, **changes: Any) -> None:
    settings = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in settings.items() if value is not None}))


def refused(call: Any, kind: type[DnamaskError] = DnamaskError) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_checkpoint_of_a_run_has_the_tokenizer_of_the_run(folder: Path) -> None:
    checkpoint = folder / "checkpoint-3"
    checkpoint.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(folder / name, checkpoint)
    source = find_source(checkpoint)
    assert source.tokenizer() == KMER
    load_masked_lm(source, source.tokenizer())


def test_a_folder_without_any_tokenizer_says_so(folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(folder / name, alone)
    message = refused(lambda: find_source(alone).tokenizer(), InputError)
    assert "alone: holds no tokenizer" in message


def test_a_plain_trainers_folder_is_read_as_overlapping_kmers(tmp_path: Path) -> None:
    to_huggingface(KMER).save_pretrained(tmp_path)
    assert find_source_tokenizer(tmp_path) == KMER


def find_source_tokenizer(folder: Path) -> Any:
    (folder / "config.json").write_text("{}")
    return find_source(folder).tokenizer()


def test_words_one_after_the_other_are_not_taken_for_overlapping_ones(tmp_path: Path) -> None:
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    backend = Tokenizer(WordLevel({word: i for i, word in enumerate(KMER.vocabulary)}, unk_token="[UNK]"))
    backend.pre_tokenizer = Split(Regex(".{3}"), "isolated")
    from transformers import PreTrainedTokenizerFast

    roles = {"pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **roles).save_pretrained(tmp_path)
    tokenizer = find_source_tokenizer(tmp_path)
    assert not isinstance(tokenizer, KmerTokenizer)
    assert tokenizer.encode("ACGTTGCAT").offsets.tolist() == [[0, 3], [3, 6], [6, 9]]


def test_a_configuration_alone_starts_at_random(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    model, description = load_masked_lm(folder, KMER, seed=3)
    again, _ = load_masked_lm(folder, KMER, seed=3)
    assert description.origin == "configuration"
    assert "random weights" in str(description)
    assert torch.equal(model.get_input_embeddings().weight, again.get_input_embeddings().weight)


def test_a_backbone_and_a_folder_of_one_name_are_told_apart(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logo").mkdir()
    assert find_source("logo").backbone is not None  # an empty folder, such as the output of the run
    shutil.copytree(folder, tmp_path / "dnabert")
    assert "write ./dnabert" in refused(lambda: find_source("dnabert"), ConfigError)
    assert find_source("./dnabert").backbone is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda run: (run / "model.bin").write_bytes(b""), "is a file"),
        (lambda run: (run / "adapter_config.json").write_text("{}"), "holds LoRA adapters alone"),
        (lambda run: (run / "checkpoint-12").mkdir(), "holds no config.json"),
    ],
)
def test_what_holds_no_model_is_named(tmp_path: Path, make: Any, message: str) -> None:
    make(tmp_path)
    named = tmp_path / "model.bin" if (tmp_path / "model.bin").exists() else tmp_path
    assert message in refused(lambda: find_source(named), InputError)


def test_an_unfinished_run_names_its_newest_checkpoint(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for step in (3, 12):
        (run / f"checkpoint-{step}").mkdir(parents=True)
        shutil.copy(folder / "config.json", run / f"checkpoint-{step}")
    assert str(run / "checkpoint-12") in refused(lambda: find_source(run), InputError)


@pytest.mark.parametrize(("before", "now"), [(2, 2), (5, 2), (3, 7)])
def test_a_head_of_an_earlier_task_starts_fresh(folder: Path, tmp_path: Path, before: int, now: int) -> None:
    other = tmp_path / "tuned"
    load_classifier(folder, KMER, before, seed=0)[0].save_pretrained(other)
    first, description = load_classifier(other, KMER, now, seed=1)
    second, _ = load_classifier(other, KMER, now, seed=2)
    assert set(description.replaced) == {"classifier.weight", "classifier.bias"}
    assert "classifier started fresh" in str(description)
    assert first.num_labels == now
    assert not torch.equal(first.classifier.weight, second.classifier.weight)
    # What stands below the head stays.
    assert torch.equal(first.bert.pooler.dense.weight, second.bert.pooler.dense.weight)


def test_what_started_fresh_is_named_by_its_modules(folder: Path) -> None:
    """Not by the base model's name, of which one layer may be new."""
    tuned = load_classifier(folder, KMER, 2)[1]
    assert str(tuned).endswith(", bert.pooler and classifier started fresh")
    assert load_masked_lm(folder, KMER, head="fresh")[1].fresh_parts == ("cls",)


@pytest.mark.parametrize("task", ["masked", "fresh", "classifier", "base"])
def test_names_that_transformers_translates_are_translated_before_they_are_judged(
    task: str, tmp_path: Path
) -> None:
    """Ultrabert's files call the base ``ultrabert`` and the decoder ``cls``; its classes do not."""
    transformers = pytest.importorskip("transformers")
    if not hasattr(transformers, "UltrabertConfig"):
        pytest.skip("this transformers has no Ultrabert")
    from transformers import AutoModelForMaskedLM

    from dnamask_plugins.testing.small import SIZES

    known = transformers.UltrabertConfig().to_dict()
    sizes = {name: value for name, value in SIZES.items() if name in known}
    config = transformers.UltrabertConfig(vocab_size=KMER.vocab_size, pad_token_id=KMER.pad_token_id, **sizes)
    with quiet_transformers():
        saved = AutoModelForMaskedLM.from_config(config)
        saved.save_pretrained(tmp_path)
    assert "cls.weight" in load_file(tmp_path / "model.safetensors")
    model, description = {
        "masked": lambda: load_masked_lm(tmp_path, KMER),
        "fresh": lambda: load_masked_lm(tmp_path, KMER, head="fresh"),
        "classifier": lambda: load_classifier(tmp_path, KMER, 3),
        "base": lambda: load_base(tmp_path, KMER),
    }[task]()
    fresh = {"masked": (), "fresh": ("head",), "classifier": ("classifier",), "base": ()}[task]
    assert description.fresh_parts == fresh
    base = model if task == "base" else model.model
    assert torch.equal(base.norm.weight, saved.model.norm.weight)
    assert torch.equal(base.embed_tokens.weight, saved.model.embed_tokens.weight)


def test_a_head_may_be_kept(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "tuned"
    tuned = load_classifier(folder, KMER, 3, seed=0)[0]
    tuned.save_pretrained(other)
    kept, description = load_classifier(other, KMER, 3, seed=1, head="kept")
    assert torch.equal(kept.classifier.weight, tuned.classifier.weight)
    assert description.started_fresh == description.replaced == ()
    message = refused(lambda: load_classifier(other, KMER, 2, head="kept"), ConfigError)
    assert "a head for 3 classes, the task 2" in message
    assert "no classifier's head" in refused(lambda: load_classifier(folder, KMER, 2, head="kept"))


@pytest.mark.parametrize("earlier", ["regression", "multi_label_classification"])
def test_the_kind_of_an_earlier_problem_is_forgotten(folder: Path, tmp_path: Path, earlier: str) -> None:
    other = tmp_path / "tuned"
    load_classifier(folder, KMER, 2, problem_type=earlier)[0].save_pretrained(other)
    assert json.loads((other / "config.json").read_text())["problem_type"] == earlier
    model, _ = load_classifier(other, KMER, 2)
    assert model.config.problem_type is None
    ids = torch.tensor([[2, 9, 8, 3]])
    assert torch.isfinite(model(input_ids=ids, labels=torch.tensor([1])).loss)


@pytest.mark.parametrize("prefixed", [True, False])
def test_a_model_without_a_head_pretrains_with_a_fresh_one(folder: Path, prefixed: bool) -> None:
    # As DNABERT-S is published: the encoder alone, with its pooler.
    state = {key: each for key, each in load_file(folder / "model.safetensors").items() if "cls" not in key}
    state |= {"bert.pooler.dense.weight": torch.ones(16, 16), "bert.pooler.dense.bias": torch.ones(16)}
    if not prefixed:
        state = {key.removeprefix("bert."): each for key, each in state.items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    assert "--fresh-head" in refused(lambda: load_masked_lm(folder, KMER), InputError)
    model, description = load_masked_lm(folder, KMER, seed=4, head="fresh")
    other, _ = load_masked_lm(folder, KMER, seed=5, head="fresh")
    assert description.started_fresh
    assert all(name.startswith("cls.") for name in description.started_fresh)
    weight = "cls.predictions.transform.dense.weight"
    assert not torch.equal(model.state_dict()[weight], other.state_dict()[weight])
    words = "bert.embeddings.word_embeddings.weight"
    assert torch.equal(model.state_dict()[words], other.state_dict()[words])
    assert load_base(folder, KMER)[0].pooler.dense.weight.eq(1).all()


def test_a_vocabulary_padded_to_a_round_size_is_taken(tmp_path: Path) -> None:
    class Wide(KmerTokenizer):
        vocab_size = 128

    load_masked_lm("bert_tiny", Wide(3), seed=1, **SMALL)[0].save_pretrained(tmp_path)
    model, description = load_masked_lm(tmp_path, KMER)
    assert (model.config.vocab_size, description.vocab_size, KMER.vocab_size) == (128, 128, 69)
    edit(tmp_path / "config.json", vocab_size=127)
    assert "has 127 tokens" in refused(lambda: load_masked_lm(tmp_path, KMER), ConfigError)


def test_an_earlier_folder_of_ours_is_read_though_its_type_has_another_name(tmp_path: Path) -> None:
    model, _ = load_masked_lm("dnabert2", KMER, seed=1, **SMALL)
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "dnamask_dnabert2"
    edit(tmp_path / "config.json", model_type="dnabert2")
    again, _ = load_masked_lm(tmp_path, KMER)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_an_architecture_of_a_plugin_is_read_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collections.abc import Iterator

    from transformers import (
        AutoConfig,
        AutoModel,
        AutoModelForMaskedLM,
        AutoModelForSequenceClassification,
        BertConfig,
        BertForMaskedLM,
        BertForSequenceClassification,
        BertModel,
    )

    from dnamask_plugins.models import families
    from dnamask_plugins.models.backbones import Backbone

    class AcmeConfig(BertConfig):  # type: ignore[misc]
        model_type = "acme_rna"

    bases = (BertModel, BertForMaskedLM, BertForSequenceClassification)
    ours = [
        type(base.__name__.replace("Bert", "Acme"), (base,), {"config_class": AcmeConfig}) for base in bases
    ]

    def register() -> None:
        AutoConfig.register("acme_rna", AcmeConfig, exist_ok=True)
        autos = (AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification)
        for auto, model in zip(autos, ours, strict=True):
            auto.register(AcmeConfig, model, exist_ok=True)

    acme = Backbone(
        "acme.rna", "theirs", "nowhere", {"name": "kmer", "k": 3}, "acme_rna", SMALL, register=register
    )
    known = families.installed

    def with_theirs() -> Iterator[Backbone]:
        yield from known()
        yield acme

    acme.build(KMER, 1).save_pretrained(tmp_path)
    save_pretrained(KMER, tmp_path)
    monkeypatch.setattr(families, "installed", with_theirs)
    source = find_source(tmp_path)
    assert type(load_masked_lm(source, source.tokenizer())[0]).__name__ == "AcmeForMaskedLM"
    assert type(load_classifier(source, source.tokenizer(), 3)[0]).__name__ == "AcmeForSequenceClassification"
    assert type(load_base(source, source.tokenizer())[0]).__name__ == "AcmeModel"
