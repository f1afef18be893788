"""Nucleotide probabilities against plain loops, and models that would profit if anything leaked."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_data import random_dna

from dnamask_plugins.budget import hidden_nucleotides, tokens_showing
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.inference.likelihood import NucleotideScorer, questions
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.nucleotides import encode_letters
from dnamask_plugins.plugins import create

SMALL = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 1}
SEQUENCE = "ACGTTGCATTAGGCATATAAAGGCN"


@pytest.fixture(scope="module")
def bpe_file(shared_data: Path) -> str:
    return str(shared_data / "tokenizers" / "dnabert2_bpe" / "tokenizer.json")


def tokenizer_of(kind: str, bpe_file: str) -> Any:
    configs = {
        "kmer": {"name": "kmer", "k": 4},
        "logo": {"name": "logo", "n": 3, "phase": 1},
        "letters": {"name": "nucleotide"},
        "bpe": {"name": "bpe", "path": bpe_file},
    }
    return create("tokenizers", configs[kind])


def sharp(backbone: str, tokenizer: Any) -> Any:
    """A model whose distributions are far from uniform."""
    model, _ = load_masked_lm(backbone, tokenizer, seed=0, **SMALL)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.eval()


def by_loops(model: Any, tokenizer: Any, sequence: str, position: int) -> list[float] | None:
    """Mask what shows one nucleotide, sum over words letter by letter; nothing of the package but ids."""
    encoding = tokenizer.encode(sequence)
    ids, chosen = encoding.input_ids.copy(), []
    for token, (start, stop) in enumerate(encoding.offsets.tolist()):
        if start <= position < stop and not encoding.special_tokens_mask[token]:
            chosen.append((token, position - start))
            ids[token] = tokenizer.mask_token_id
    if not chosen:
        return None
    with torch.no_grad():
        logits = model(input_ids=torch.from_numpy(ids)[None]).logits[0].double()
    sums = [0.0] * 4
    for token, place in chosen:
        probabilities = torch.softmax(logits[token], 0).tolist()
        for code, letter in enumerate("ACGT"):
            total = 0.0
            for word, probability in enumerate(probabilities):
                text = tokenizer.vocabulary[word]
                if word not in tokenizer.special_ids.tolist() and text[place : place + 1] == letter:
                    total += probability
            sums[code] += math.log(total) / len(chosen)
    weights = [math.exp(each) for each in sums]
    return [weight / sum(weights) for weight in weights]


@pytest.mark.parametrize(
    ("kind", "backbone"),
    [("kmer", "bert_tiny"), ("logo", "bert_tiny"), ("letters", "bert_tiny"), ("bpe", "dnabert2")],
)
def test_probabilities_are_those_of_plain_loops(kind: str, backbone: str, bpe_file: str):
    tokenizer = tokenizer_of(kind, bpe_file)
    model = sharp(backbone, tokenizer)
    codes = encode_letters(SEQUENCE)[0]
    scorer = NucleotideScorer.of(model, tokenizer)
    found = np.exp(scorer.log_probabilities(codes, np.eye(codes.size, dtype=bool)))
    spread = []
    for position in range(0, codes.size, 1 if kind != "bpe" else 4):
        expected = by_loops(model, tokenizer, SEQUENCE, position)
        if expected is None:
            assert np.isnan(found[position]).all()
        else:
            np.testing.assert_allclose(found[position], expected, rtol=2e-4)
            spread.append(max(expected) - min(expected))
    assert max(spread) > 0.1


def test_both_strands_are_the_mean_of_the_two(bpe_file: str):
    tokenizer = tokenizer_of("kmer", bpe_file)
    model = sharp("bert_tiny", tokenizer)
    codes = encode_letters("ACGTTGCATTAGGCAT")[0]
    hidden = questions(2, 11, codes.size, spacing=4)
    both = NucleotideScorer.of(model, tokenizer, both_strands=True).log_probabilities(codes, hidden)
    one = NucleotideScorer.of(model, tokenizer)
    places = np.nonzero(hidden)[1]
    forward = dict(zip(places, one.log_probabilities(codes, hidden), strict=True))
    mirrored = hidden[:, ::-1]
    backward = dict(
        zip(
            codes.size - 1 - np.nonzero(mirrored)[1],
            one.log_probabilities(3 - codes[::-1], mirrored),
            strict=True,
        )
    )
    for place, logs in zip(places, both, strict=True):
        mean = (forward[place] + backward[place][::-1]) / 2
        np.testing.assert_allclose(logs, mean - np.log(np.exp(mean).sum()), atol=1e-6)


class Copyist(torch.nn.Module):
    """Reads nothing but its visible neighbours: a masked k-mer must agree with every letter they show."""

    def __init__(self, tokenizer: Any) -> None:
        super().__init__()
        self.k, self.words = tokenizer.k, tokenizer.vocabulary
        self.first = len(tokenizer.special_ids)
        self.mask = tokenizer.mask_token_id
        self.nothing = torch.nn.Parameter(torch.zeros(1))
        self.config = SimpleNamespace()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
        logits = torch.full((*input_ids.shape, len(self.words)), -50.0)
        for row, ids in enumerate(input_ids.tolist()):
            shown: dict[int, str] = {}
            for token, word in enumerate(ids):
                if word >= self.first:
                    shown |= {token - 1 + place: letter for place, letter in enumerate(self.words[word])}
            for token, word in enumerate(ids):
                if word == self.mask:
                    choices = [shown.get(token - 1 + place, "ACGT") for place in range(self.k)]
                    for letters in itertools.product(*choices):
                        logits[row, token, self.words.index("".join(letters))] = 0.0
        return SimpleNamespace(logits=logits)


@pytest.mark.parametrize("spacing", [None, 7])
def test_a_model_that_copies_from_its_neighbours_knows_nothing(spacing: int | None):
    tokenizer = create("tokenizers", "kmer", k=3)
    copyist = Copyist(tokenizer)
    codes = encode_letters("ACGTTGCATTAGGCATATAAAGG")[0]
    hidden = questions(0, codes.size, codes.size, spacing)
    scorer = NucleotideScorer.of(copyist, tokenizer)
    np.testing.assert_allclose(np.exp(scorer.log_probabilities(codes, hidden)), 0.25, atol=1e-6)

    # What other tools do, one token masked at a time, calls it all-knowing: the model is worth the test.
    encoding = tokenizer.encode("ACGTTGCATTAGGCATATAAAGG")
    ids = torch.from_numpy(encoding.input_ids)[None].clone()
    ids[0, 5] = tokenizer.mask_token_id
    right = torch.softmax(copyist(ids).logits[0, 5], 0)[encoding.input_ids[5]]
    assert right > 0.999


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_hidden_nucleotides_are_hidden(data: st.DataObject):
    kind = data.draw(
        st.sampled_from([{"name": "kmer", "k": 4}, {"name": "logo", "n": 3}, {"name": "nucleotide"}])
    )
    tokenizer = create("tokenizers", kind)
    sequence = data.draw(st.text("ACGTN", min_size=6, max_size=30))
    hidden = np.array([[data.draw(st.booleans()) for _ in sequence]])
    batch = tokenizer.encode_batch([sequence])
    mask = tokens_showing(hidden, batch)
    everything = hidden_nucleotides(~batch.special_tokens_mask, batch)
    assert (hidden_nucleotides(mask, batch)[hidden & everything]).all()
    # And no token is masked for nothing.
    for token in np.flatnonzero(mask[0]):
        start, stop = batch.offsets[0, token]
        assert hidden[0, start:stop].any()


def test_a_tokenizer_without_spellings_is_refused():
    tokenizer = create("tokenizers", "kmer", k=3)
    silent = SimpleNamespace(name="acme.genes", vocab_size=tokenizer.vocab_size)
    with pytest.raises(ConfigError, match=r"score needs to know how each id is spelled.*acme.genes"):
        NucleotideScorer.of(torch.nn.Linear(1, 1), silent)


def test_questions_ask_for_each_place_once():
    for first, stop, spacing in itertools.product((0, 3), (4, 9), (None, 1, 2, 20)):
        asked = questions(first, stop, 10, spacing)
        assert asked.sum(axis=0).tolist() == [int(first <= place < stop) for place in range(10)]


def test_random_letters_cannot_be_known(tiny_model: Path):
    """An untrained model gives about ln 1/4 a letter, whatever the sequence."""
    from dnamask_plugins.tokenizers.loading import load_tokenizer

    tokenizer = load_tokenizer(tiny_model)
    scorer = NucleotideScorer.of(load_masked_lm(tiny_model, tokenizer)[0], tokenizer)
    codes = encode_letters(random_dna(np.random.default_rng(0), 60))[0]
    logs = scorer.log_probabilities(codes, questions(0, 60, 60, 10))
    assert abs(logs.mean() + math.log(4)) < 0.05
