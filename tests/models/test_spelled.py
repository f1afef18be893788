"""The spelled start: letters that words share are seen in their embeddings, and nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.spelled import SHARE, spell_embeddings
from dnamask_plugins.plugins import create
from dnamask_plugins.tokenizers.spelling import Spellings

KMER = create("tokenizers", "kmer", k=4)
SIZES = {"hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 16, "num_hidden_layers": 1}


def start(tokenizer: Any = KMER, backbone: str = "bert_tiny", seed: int = 0, **changes: Any) -> Any:
    model, _ = load_masked_lm(backbone, tokenizer, seed=0, **SIZES | changes)
    before = model.get_input_embeddings().weight.detach().clone()
    table = Spellings.required(tokenizer, "the test")
    changed = spell_embeddings(model, table, seed)
    return model, before, changed


@pytest.mark.parametrize("backbone", ["bert_tiny", "nucleotide_transformer", "dnabert2"])
def test_mean_and_variance_stay(backbone: str) -> None:
    model, before, _ = start(backbone=backbone)
    after = model.get_input_embeddings().weight.detach()
    assert float(after[5:].std()) == pytest.approx(float(before[5:].std()), rel=0.05)
    assert abs(float(after[5:].mean())) < 0.1 * float(after[5:].std())
    assert torch.equal(after[:5], before[:5])


def test_words_are_as_alike_as_their_letters() -> None:
    model, _, _ = start()
    weight = model.get_input_embeddings().weight.detach()
    ids = {word: KMER.token_to_id[word] for word in ("ACGT", "ACGA", "ACTT", "TGCA", "CGTA")}

    def likeness(one: str, other: str) -> float:
        return float(torch.cosine_similarity(weight[ids[one]], weight[ids[other]], dim=0))

    assert likeness("ACGT", "ACGA") == pytest.approx(SHARE * 3 / 4, abs=0.2)
    # Shifted by one: the same letters, at no place the same.
    assert abs(likeness("ACGA", "CGTA") - SHARE / 4) < 0.2
    assert abs(likeness("ACGT", "TGCA")) < 0.2


def test_tied_outputs_inherit_it_and_untied_ones_do_not() -> None:
    tied, _, _ = start()
    assert tied.get_output_embeddings().weight is tied.get_input_embeddings().weight
    untied, before, _ = start(tie_word_embeddings=False)
    plain, _ = load_masked_lm("bert_tiny", KMER, seed=0, **SIZES, tie_word_embeddings=False)
    assert torch.equal(untied.get_output_embeddings().weight, plain.get_output_embeddings().weight)
    assert not torch.equal(untied.get_input_embeddings().weight, before)


def test_single_letters_change_nothing() -> None:
    model, before, changed = start(create("tokenizers", "nucleotide"))
    assert not changed
    assert torch.equal(model.get_input_embeddings().weight, before)


def test_it_is_a_function_of_the_seed() -> None:
    one, other, third = (start(seed=seed)[0].get_input_embeddings().weight for seed in (1, 1, 2))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


def test_global_random_numbers_are_left_alone() -> None:
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist()
    start()
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]


def test_words_of_any_length_have_the_same_variance() -> None:
    tokenizer = create("tokenizers", "logo", n=4)
    model, before, _ = start(tokenizer)
    weight = model.get_input_embeddings().weight.detach()
    lengths = np.array([len(word) for word in tokenizer.spellings])
    for length in (2, 4):
        rows = torch.from_numpy(lengths == length)
        assert float(weight[rows].std()) == pytest.approx(float(before[10:].std()), rel=0.15)
