"""Fine-tuning and probing of tiny models: that they learn, choose, cut, adapt and say what they did."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_data import MOTIF, labelled

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.harness.encoding import EncodedData, encode_data
from dnamask_plugins.harness.finetune import FineTuned, FineTuneSettings, fine_tune
from dnamask_plugins.harness.model_source import ModelSource
from dnamask_plugins.harness.probe import embed, probe
from dnamask_plugins.harness.training_arguments import training_arguments
from dnamask_plugins.harness.trial_rows import TrialRows
from dnamask_plugins.models.loading import load_base
from dnamask_plugins.models.lora import find_targets
from dnamask_plugins.results.metrics import compute_scores
from dnamask_plugins.tasks.data import LabelledData
from dnamask_plugins.tasks.recipes import FINE_TUNING_LORA, Recipe

RECIPE = Recipe(
    learning_rate=5e-3, num_train_epochs=6, warmup_steps=20, eval_steps=6, global_batch=16, select_by="metric"
)


def rows(seed: int, count: int, shortest: int = 40, longest: int = 40) -> LabelledData:
    made = labelled(seed, count, shortest, longest)
    return LabelledData(
        Path("toy.csv"), "", tuple(text for text, _ in made), None, np.array([label for _, label in made])
    )


def encoded(source: ModelSource, *splits: LabelledData) -> list[EncodedData]:
    return [encode_data(split, source.tokenizer, None) for split in splits]


def tune(
    source: ModelSource, splits: list[EncodedData], recipe: Recipe = RECIPE, **options: object
) -> FineTuned:
    settings = FineTuneSettings(recipe, options.pop("overrides", {}))
    return fine_tune(source, TrialRows(*splits, 2, "mcc"), settings, int(options.pop("seed", 0)))


@pytest.fixture(scope="module")
def source(tiny_model: Path) -> ModelSource:
    return ModelSource.find(str(tiny_model))


@pytest.fixture(scope="module")
def splits(source: ModelSource) -> list[EncodedData]:
    return encoded(source, rows(1, 320, 34), rows(2, 64, 34), rows(3, 80, 34))


@pytest.fixture(scope="module")
def tuned(source: ModelSource, splits: list[EncodedData]) -> FineTuned:
    return tune(source, splits)


def test_it_learns_and_says_how(tuned: FineTuned, splits: list[EncodedData]):
    scores = compute_scores(splits[2].labels, tuned.logits.argmax(axis=1), 2)
    assert scores["mcc"] > 0.5
    assert tuned.effective_batch == 16
    assert tuned.steps == 120
    assert tuned.best_step % 6 == 0
    assert tuned.padding["train"] < 0.1
    assert tuned.padding["test"] < 0.2
    assert tuned.trainable == tuned.parameters


def test_the_same_seed_gives_the_same_bits_and_another_another(
    source: ModelSource, splits: list[EncodedData]
):
    short = {"max_steps": 8}
    once, again, other = (tune(source, splits, overrides=short, seed=seed).logits for seed in (0, 0, 1))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


@pytest.mark.parametrize("select_by", ["metric", "loss"])
def test_the_checkpoint_that_dev_chose_is_the_one_tested(
    source: ModelSource, splits: list[EncodedData], select_by: str
):
    # A rate that wrecks the model again makes the best checkpoint an early one.
    wild = dataclasses.replace(RECIPE, learning_rate=2e-2, select_by=select_by, max_steps=40)
    train, dev, _ = splits
    result = tune(source, [train, dev, dev], wild)
    scores = compute_scores(dev.labels, result.logits.argmax(axis=1), 2)
    assert {name: result.dev[name] for name in scores} == pytest.approx(scores)
    loss = torch.nn.functional.cross_entropy(torch.from_numpy(result.logits), torch.from_numpy(dev.labels))
    assert result.dev["loss"] == pytest.approx(float(loss), abs=1e-3)


def test_predictions_are_in_the_order_of_the_file(source: ModelSource, splits: list[EncodedData]):
    train, dev, test = splits
    order = np.random.default_rng(0).permutation(len(test))
    short = dataclasses.replace(RECIPE, select_by="last", max_steps=2)
    plain = tune(source, [train, dev, test], short).logits
    moved = tune(source, [train, dev, test.take(order)], short).logits
    np.testing.assert_allclose(moved, plain[order], atol=1e-5)


def test_without_dev_the_last_checkpoint_is_tested(source: ModelSource, splits: list[EncodedData]):
    train, _, test = splits
    result = tune(source, [train, None, test], dataclasses.replace(RECIPE, max_steps=4))
    assert (result.best_step, dict(result.dev)) == (None, {})
    assert result.used["select_by"] == "last"


@pytest.mark.parametrize(
    ("overrides", "accumulation", "batch"),
    [({}, 1, 16), ({"per_device_train_batch_size": 4}, 4, 16), ({"gradient_accumulation_steps": 2}, 2, 32)],
)
def test_the_global_batch_is_kept(
    tmp_path: Path, splits: list[EncodedData], overrides: dict[str, int], accumulation: int, batch: int
):
    arguments = training_arguments(
        str(tmp_path), RECIPE, overrides, "metric", TrialRows(*splits, 2, "mcc"), 0
    )
    assert arguments.gradient_accumulation_steps == accumulation
    assert arguments.train_batch_size * accumulation == batch


def test_on_a_cpu_a_batch_is_cut_to_what_its_caches_take(tmp_path: Path, source: ModelSource):
    data = encode_data(rows(1, 32, 400, 500), source.tokenizer, None)
    arguments = training_arguments(
        str(tmp_path), RECIPE, {}, "metric", TrialRows(data, data, data, 2, "mcc"), 0
    )
    if torch.cuda.is_available():
        assert arguments.train_batch_size == 16
    else:
        assert (arguments.train_batch_size, arguments.gradient_accumulation_steps) == (8, 2)
        assert arguments.eval_batch_size == 4


def test_a_batch_that_is_cut_gives_the_gradient_of_the_whole(source: ModelSource):
    (train,) = encoded(
        source, rows(4, 32)
    )  # of one length: the same rows stand in a batch, however it is cut

    def first(at_once: int) -> tuple[float, float]:
        recipe = Recipe(max_steps=1, global_batch=16, dropout=0.0, select_by="last")
        overrides = {"per_device_train_batch_size": at_once, "logging_steps": 1}
        settings = FineTuneSettings(recipe, overrides)
        history = fine_tune(source, TrialRows(train, None, train, 2, "mcc"), settings, 0).history
        return history[0]["loss"], history[0]["grad_norm"]

    np.testing.assert_allclose(first(4), first(16), rtol=1e-3)


def test_an_argument_that_does_not_exist_is_one_line(source: ModelSource, splits: list[EncodedData]):
    with pytest.raises(ConfigError, match="did you mean 'num_train_epochs'"):
        tune(source, splits, overrides={"num_train_epoch": 1})
    with pytest.raises(ConfigError, match="training arguments"):
        tune(source, splits, overrides={"lr_scheduler_type": "zigzag"})


BACKBONES = {
    "bert_tiny": ({"name": "kmer", "k": 3}, {"query", "key", "value", "dense"}),
    "dnabert2": ({"name": "nucleotide"}, {"Wqkv", "dense", "gated_layers", "wo"}),
    "nucleotide_transformer": ({"name": "nucleotide"}, {"query", "key", "value", "dense"}),
}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_adapters_find_their_layers_in_every_backbone(
    make_model: Callable[..., Path], backbone: str, splits: list[EncodedData]
):
    tokenizer, names = BACKBONES[backbone]
    source = ModelSource.find(str(make_model(backbone, tokenizer)))
    data = encoded(source, rows(1, 32), rows(2, 16), rows(3, 16))
    recipe = dataclasses.replace(RECIPE, lora=FINE_TUNING_LORA, max_steps=2)
    result = tune(source, data, recipe)
    targets = result.used["adapters"]
    assert {target.split(".")[-1] for target in targets} == names
    assert not any("classifier" in target or "pooler" in target for target in targets)
    assert 0 < result.trainable < result.parameters


def test_adapters_learn_while_the_backbone_stays(source: ModelSource, splits: list[EncodedData]):
    adapters = dataclasses.replace(FINE_TUNING_LORA, rank=4)
    recipe = dataclasses.replace(RECIPE, lora=adapters, learning_rate=1e-2)
    result = tune(source, splits, recipe)
    assert compute_scores(splits[2].labels, result.logits.argmax(axis=1), 2)["mcc"] > 0.3


def test_adapters_on_layers_that_do_not_exist_say_what_does(source: ModelSource):
    model, _ = load_base(source.folder, source.tokenizer)
    with pytest.raises(ConfigError, match=r"is called Wqkv; .* this model.s: dense, key, query, value"):
        find_targets(model, ["Wqkv"])


def test_dropout_of_a_recipe_reaches_the_model(source: ModelSource, splits: list[EncodedData]):
    still = dataclasses.replace(RECIPE, max_steps=2, select_by="last")
    plain = tune(source, splits, dataclasses.replace(still, dropout=0.0)).logits
    shaken = tune(source, splits, dataclasses.replace(still, dropout=0.5)).logits
    assert not np.allclose(plain, shaken)


def test_embeddings_are_means_over_nucleotide_tokens(source: ModelSource, splits: list[EncodedData]):
    model, _ = load_base(source.folder, source.tokenizer)
    test = splits[2]
    specials = source.tokenizer.special_ids.tolist()
    pooled = embed(model, test, specials)
    for row in (0, 7, 79):
        ids = torch.from_numpy(test.batch([row])["input_ids"])
        with torch.no_grad():
            hidden = model(input_ids=ids).last_hidden_state[0, 1:-1]
        np.testing.assert_allclose(pooled[row], hidden.mean(0).numpy(), atol=1e-5)


def test_a_probe_finds_what_a_frozen_model_shows(source: ModelSource):
    data = encoded(source, rows(1, 400), rows(2, 80), rows(3, 120))
    probed = TrialRows(*data, 2, "mcc")
    result = probe(source, probed, 0)
    scores = compute_scores(data[2].labels, result.scores.argmax(axis=1), 2)
    assert scores["mcc"] > 0.3
    assert result.dev["mcc"] > 0.3
    assert np.array_equal(probe(source, probed, 5).scores, result.scores)


def test_the_models_files_are_known_to_the_bit(source: ModelSource, tmp_path: Path):
    import hashlib

    content = (source.folder / "model.safetensors").read_bytes()
    assert source.weights_sha256 == hashlib.sha256(content).hexdigest()
    assert source.family == "dnabert1"
    info = source.info()
    assert info.tokenizer == "kmer"
    assert str(source.folder.parent) not in str(info)


def test_a_model_that_cannot_be_used_is_one_line(source: ModelSource, tmp_path: Path):
    with pytest.raises(InputError, match="no such folder"):
        ModelSource.find(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"holds no config\.json"):
        ModelSource.find(str(tmp_path))
    (tmp_path / "config.json").write_text((source.folder / "config.json").read_text())
    with pytest.raises(InputError, match="holds no tokenizer"):
        ModelSource.find(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text((source.folder / "tokenizer.json").read_text())
    with pytest.raises(InputError, match="holds no weights"):
        _ = ModelSource.find(str(tmp_path)).weights_sha256


def test_dnaberts_own_files_read_raw_sequences_as_overlapping_kmers(source: ModelSource, tmp_path: Path):
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer

    (tmp_path / "config.json").write_text((source.folder / "config.json").read_text())
    (tmp_path / "vocab.txt").write_text("\n".join(KmerTokenizer(4).vocabulary) + "\n")
    found = ModelSource.find(str(tmp_path))
    assert (
        found.tokenizer.encode(MOTIF).input_ids.tolist() == KmerTokenizer(4).encode(MOTIF).input_ids.tolist()
    )
    assert found.family == "dnabert1"


def test_dropout_has_other_names_elsewhere(tmp_path: Path):
    from transformers import DistilBertConfig, ModernBertConfig

    from dnamask_plugins.harness.finetune import _dropout
    from dnamask_plugins.tokenizers.export import save_pretrained
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer

    save_pretrained(KmerTokenizer(3), tmp_path)
    for config, names in (
        (DistilBertConfig(), {"dropout", "attention_dropout", "qa_dropout", "seq_classif_dropout"}),
        (
            ModernBertConfig(),
            {"attention_dropout", "embedding_dropout", "mlp_dropout", "classifier_dropout"},
        ),
    ):
        config.save_pretrained(tmp_path)
        found = ModelSource.find(str(tmp_path))
        assert set(_dropout(0.2, found)) == names
        assert set(_dropout(0.2, found).values()) == {0.2}
        assert _dropout(None, found) == {}
