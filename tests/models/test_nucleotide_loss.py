"""The loss over hidden nucleotides against its definition, letter by letter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from dnamask_plugins.corruption import Corruption
from dnamask_plugins.masking import Masker
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.masked_loss import install_masked_forward, masked_lm_losses
from dnamask_plugins.models.nucleotide_loss import LetterTable
from dnamask_plugins.plugins import create
from dnamask_plugins.tokenizers.spelling import Spellings
from dnamask_plugins.training.tensors import to_tensors
from dnamask_plugins.types import MaskSpec

SMALL = {"hidden_size": 24, "num_attention_heads": 4, "intermediate_size": 16, "num_hidden_layers": 2}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
TEXTS = ["ACGTTGCAACGTAGCTAGCATTACGA", "TTGACNATGCA", "GGGATTACA"]


def masked_batch(tokenizer: Any, strategy: Any, rate: float) -> tuple[Any, Any]:
    batch = tokenizer.encode_batch(TEXTS)
    built = {"it": create("strategies", strategy)}
    masker = Masker(built, Corruption.for_tokenizer(tokenizer), seed=3)
    return batch, masker(batch, MaskSpec.single("it", rate), 0, np.arange(len(TEXTS)))


def by_definition(logits: Any, tokenizer: Any, mask: Any, batch: Any) -> tuple[Any, Any, int]:
    """Return the summed -ln p of hidden letters, that of having a letter there at all, and their number."""
    words = tokenizer.spellings
    total, reach, count = 0.0, 0.0, 0
    for row in range(len(batch)):
        probabilities = logits[row].softmax(-1)
        for position in range(int(batch.lengths[row])):
            covering = [
                column
                for column in range(mask.shape[1])
                if not batch.special_tokens_mask[row, column]
                and batch.offsets[row, column, 0] <= position < batch.offsets[row, column, 1]
            ]
            letter = "ACGTN"[batch.nucleotides[row, position]]
            if not covering or not all(mask[row, c] for c in covering) or letter == "N":
                continue
            count += 1
            for column in covering:
                place = position - int(batch.offsets[row, column, 0])
                right = torch.tensor([len(word) > place and word[place] == letter for word in words])
                some = torch.tensor([len(word) > place and word[place] in "ACGT" for word in words])
                total = total - probabilities[column, right].sum().log() / len(covering)
                reach = reach - probabilities[column, some].sum().log() / len(covering)
    return total, reach, count


@pytest.mark.parametrize(
    ("tokenizer", "strategy", "rate"),
    [
        ({"name": "kmer", "k": 3}, "span", 0.3),
        ({"name": "kmer", "k": 3}, "random_token", 0.5),
        ({"name": "kmer", "k": 3}, {"name": "span", "length": 5}, 0.6),
        ({"name": "logo", "n": 3, "phase": 1}, "random_token", 0.5),
        ({"name": "nucleotide"}, "random_token", 0.3),
    ],
    ids=lambda value: str(value.get("name", value)) if isinstance(value, dict) else str(value),
)
@pytest.mark.parametrize("backbone", ["bert_tiny", "nucleotide_transformer"])
def test_loss_and_gradient_are_those_of_the_definition(
    tokenizer: Any, strategy: Any, rate: float, backbone: str
) -> None:
    tokenizer = create("tokenizers", tokenizer)
    spellings = Spellings.required(tokenizer, "the test")
    batch, masked = masked_batch(tokenizer, strategy, rate)
    model, _ = load_masked_lm(backbone, tokenizer, seed=0, **SMALL | NO_DROPOUT)
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            generator = torch.Generator().manual_seed(number)
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    tensors = to_tensors(masked)
    places = torch.from_numpy(spellings.places(masked.mask, batch))
    found = masked_lm_losses(model, **tensors, places=places, table=LetterTable(spellings))
    found.letters.backward()
    gradient = [p.grad.clone() for p in model.parameters() if p.grad is not None]

    model.zero_grad()
    logits = model(input_ids=tensors["input_ids"], attention_mask=tensors["attention_mask"]).logits
    letters, reach, count = by_definition(logits, tokenizer, masked.mask, batch)
    assert count == pytest.approx(float(places.sum()))
    assert float(found.letters.detach()) == pytest.approx(float(letters), rel=1e-4)
    assert float(found.reach.detach()) == pytest.approx(float(reach), rel=1e-3, abs=1e-4)
    if count:
        letters.backward()
        expected = [p.grad for p in model.parameters() if p.grad is not None]
        scale = max(float(each.abs().max()) for each in expected)
        for one, other in zip(gradient, expected, strict=True):
            torch.testing.assert_close(one, other, atol=1e-4 * scale, rtol=0)


def test_token_loss_and_installed_forward_agree() -> None:
    tokenizer = create("tokenizers", "kmer", k=3)
    spellings = Spellings.required(tokenizer, "the test")
    batch, masked = masked_batch(tokenizer, "span", 0.3)
    model, _ = load_masked_lm("bert_tiny", tokenizer, seed=0, **SMALL | NO_DROPOUT)
    tensors = to_tensors(masked)
    places = torch.from_numpy(spellings.places(masked.mask, batch))
    table = LetterTable(spellings)
    alone = masked_lm_losses(model, **tensors, places=places, table=table)
    install_masked_forward(model, table)
    loss, count, letters, reach = model(**tensors, places=places, masked_only=True)
    assert count == alone.count
    assert model(**tensors, masked_only=True)[0] == loss
    assert [float(loss), float(letters), float(reach)] == [
        float(alone.tokens), float(alone.letters), float(alone.reach)
    ]  # fmt: skip


def test_a_sure_and_wrong_model_has_a_finite_loss() -> None:
    table = LetterTable(Spellings.from_words(["A", "C"]))
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    found = table.losses(logits, torch.tensor([1]), torch.ones(1, 1))
    found.letters.backward()
    assert 80 < float(found.letters.detach()) < 100
    assert bool(torch.isfinite(logits.grad).all())  # type: ignore[arg-type]


def test_words_that_a_model_has_room_for_spell_nothing() -> None:
    table = LetterTable(Spellings.from_words(["A", "C", "G", "T"]))
    wide = table.marginals(torch.zeros(2, 8), 1)
    torch.testing.assert_close(wide, torch.full((2, 1, 4), 1 / 8))


def test_nothing_hidden_costs_nothing() -> None:
    table = LetterTable(Spellings.from_words(["A", "C"]))
    logits = torch.zeros(0, 2, requires_grad=True)
    found = table.losses(logits, torch.zeros(0, dtype=torch.int64), torch.zeros(0, 1))
    found.letters.backward()
    assert float(found.letters.detach()) == 0
