"""MutBERT against the answers of its own implementation, and under its own file layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_models import Ids, assert_close_on_tokens, check_answers, inputs, weights, write_checkpoint

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.masked_loss import masked_lm_loss
from dnamask_plugins.models.packed_layers import encoder_of
from dnamask_plugins.models.source import find_source
from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer

GOLDEN = json.loads((Path(__file__).parent / "golden" / "mutbert.json").read_text())["forms"]
TOKENIZER = Ids(9, pad=3, mask=4)


@pytest.fixture(params=GOLDEN)
def form(request: pytest.FixtureRequest) -> dict[str, Any]:
    return GOLDEN[request.param]


def load(form: dict[str, Any], folder: Path) -> Any:
    write_checkpoint(folder, form["config"], form["masked_lm"], form["tied"])
    return load_masked_lm(folder, TOKENIZER)[0].eval()


def test_answers_are_the_originals(form: dict[str, Any], tmp_path: Path) -> None:
    check_answers(form, TOKENIZER, tmp_path)


def test_probabilities_of_letters_are_read(tmp_path: Path) -> None:
    """Of which ids are the case of certainty, as the original reads them."""
    form = GOLDEN["mean"]
    model, given = load(form, tmp_path / "model"), inputs(form)
    tokens = given["attention_mask"].bool()
    certain = torch.nn.functional.one_hot(given["input_ids"], 9).float()
    uncertain = torch.softmax(weights("soft", [2, 8, 9]), -1)
    with torch.no_grad():
        assert_close_on_tokens(model(**given | {"input_ids": certain}).logits, form["logits"], tokens)
        assert_close_on_tokens(
            model(**given | {"input_ids": uncertain}).logits, form["of_probabilities"], tokens
        )


def test_the_packed_loss_and_its_gradient_are_the_models_own(form: dict[str, Any], tmp_path: Path) -> None:
    model, given = load(form, tmp_path / "model"), inputs(form)
    assert encoder_of(model) is not None
    labels = torch.where(given["input_ids"] == 4, 7, -100)
    gradients = []
    for loss in (masked_lm_loss(model, *given.values(), labels)[0], model(**given, labels=labels).loss):
        model.zero_grad()
        loss.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


def test_a_saved_folder_gives_the_same_model(form: dict[str, Any], tmp_path: Path) -> None:
    model = load(form, tmp_path / "model")
    model.save_pretrained(tmp_path / "saved")
    again = load_masked_lm(tmp_path / "saved", TOKENIZER)[0].eval()
    assert type(again) is type(model)
    with torch.no_grad():
        assert torch.equal(again(**inputs(form)).logits, model(**inputs(form)).logits)


def test_the_vocabulary_that_its_tokenizer_reads_is_taken_and_not_the_one_beside_it(tmp_path: Path) -> None:
    """Its ``vocab.txt`` has other words in another order than its ``tokenizer.json``."""
    form = GOLDEN["mean"]
    folder = write_checkpoint(tmp_path / "published", form["config"], form["masked_lm"], form["tied"])
    words = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "A", "C", "G", "T"]
    from tokenizers import Tokenizer, pre_tokenizers, processors
    from tokenizers.models import BPE

    backend = Tokenizer(BPE(dict(zip(words, range(9), strict=True)), [], unk_token="[UNK]"))
    backend.add_special_tokens(words[:5])
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    backend.save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", *words[:3], "[MASK]", "A", "T", "C", "G"]))
    roles = {f"{word[1:-1].lower()}_token": word for word in words[:5]}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **roles}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    source = find_source(folder)
    tokenizer = source.tokenizer()
    assert tokenizer.encode("ACGTN").input_ids.tolist() == [1, 5, 6, 7, 8, 0, 2]
    assert tokenizer.encode("ACG").offsets.tolist() == [[0, 0], [0, 1], [1, 2], [2, 3], [0, 0]]
    load_masked_lm(source, tokenizer)
    with pytest.raises(DnamaskError, match=r"id 0 is '\[UNK\]' in tokenizer.json"):
        load_masked_lm(source, NucleotideTokenizer())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pooler_type": "max"}, "pooler_type 'max' is not implemented"),
        ({"rope_scaling": {"type": "yarn", "factor": 2.0}}, "yarn"),
    ],
)
def test_forms_that_are_not_implemented_are_one_line(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    form = GOLDEN["mean"]
    folder = write_checkpoint(tmp_path / "model", form["config"] | changes, form["masked_lm"])
    with pytest.raises(DnamaskError, match=message) as caught:
        load_masked_lm(folder, TOKENIZER)
    assert "\n" not in str(caught.value)
