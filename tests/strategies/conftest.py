"""Batches and strategies that the tests of this folder share."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dnamask_plugins.strategies.genemask import GeneMask
from dnamask_plugins.strategies.global_npmi import GlobalNpmi
from dnamask_plugins.strategies.mixture import Mixture
from dnamask_plugins.strategies.random_token import RandomToken
from dnamask_plugins.strategies.reverse_complement import ReverseComplement
from dnamask_plugins.strategies.span import Span
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.types import Encoding, NucleotideBatch, TokenBatch


class Cutter:
    """Stands in for BPE: cuts a sequence into words of 1 to 8, where depends on the letters alone."""

    name = "cutter"
    vocab_size = 20
    pad_token_id, mask_token_id = 0, 1
    special_ids = np.arange(4)

    def encode(self, sequence: str) -> Encoding:
        batch = self.encode_batch([sequence])
        return Encoding(batch.input_ids[0], batch.offsets[0], batch.special_tokens_mask[0])

    def encode_batch(self, sequences: list[str]) -> TokenBatch:
        cuts = []
        for sequence in sequences:
            places = [0]
            while places[-1] < len(sequence):
                here = sequence[places[-1] : places[-1] + 3]
                places.append(min(len(sequence), places[-1] + 1 + sum(map(ord, here)) % 8))
            cuts.append(places)
        width = max(len(places) for places in cuts) + 1
        ids, special = np.zeros((len(cuts), width), np.int64), np.ones((len(cuts), width), bool)
        offsets, attention = np.zeros((len(cuts), width, 2), np.int32), np.zeros((len(cuts), width), bool)
        for row, places in enumerate(cuts):
            tokens = len(places) - 1
            offsets[row, 1 : tokens + 1] = np.stack([places[:-1], places[1:]], axis=1)
            ids[row, 1 : tokens + 1] = 4 + np.diff(places)
            ids[row, [0, tokens + 1]] = 2, 3
            special[row, 1 : tokens + 1] = False
            attention[row, : tokens + 2] = True
        letters = NucleotideBatch.from_strings(sequences)
        return TokenBatch(ids, offsets, special, attention, letters.codes, letters.lengths)


def random_sequences(count: int, length: int, seed: int = 0, letters: str = "ACGT") -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(letters), length)) for _ in range(count)]


def score_table(k: int = 6, seed: int = 0, missing: float = 0.1) -> SimpleNamespace:
    """Random scores with ties, some k-mers without one."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(size=4**k), 1)
    scores[rng.random(4**k) < missing] = np.nan
    return SimpleNamespace(k=k, scores=scores)


TABLE = score_table()
STRATEGIES = {
    "random_token": RandomToken(),
    "span": Span(),
    "span_geometric": Span(length=4, geometric=True),
    "genemask": GeneMask(TABLE),
    "global_npmi": GlobalNpmi(TABLE),
    "global_npmi_warm": GlobalNpmi(TABLE, temperature=0.5),
    "mixture": Mixture([Span(length=3), GeneMask(TABLE)], [1, 2]),
    "reverse_complement": ReverseComplement(GeneMask(TABLE)),
}
TOKENIZERS = {
    "6mer": KmerTokenizer(6),
    "3mer": KmerTokenizer(3),
    "1mer": KmerTokenizer(1),
    "cutter": Cutter(),
}


@pytest.fixture(params=sorted(STRATEGIES))
def strategy(request):
    return STRATEGIES[request.param]


@pytest.fixture(params=sorted(TOKENIZERS))
def tokenizer(request):
    return TOKENIZERS[request.param]


@pytest.fixture(scope="session")
def table():
    return TABLE


@pytest.fixture(scope="session")
def sequences():
    return random_sequences


@pytest.fixture(scope="session")
def make_table():
    return score_table


@pytest.fixture(scope="session")
def cutter():
    return TOKENIZERS["cutter"]


@pytest.fixture(scope="session")
def all_strategies():
    return STRATEGIES


@pytest.fixture(scope="session")
def all_tokenizers():
    return TOKENIZERS


@pytest.fixture(scope="session")
def released(shared_data: Path) -> SimpleNamespace:
    """The scores that GeneMask's authors released."""
    scores = np.full(4096, np.nan)
    with (shared_data / "npmi/genemask_released_6mer_ranking.csv").open() as lines:
        for line in csv.DictReader(lines):
            scores[int(line["ngram"].translate(str.maketrans("ACGT", "0123")), 4)] = line["norm_dp_true_pmi"]
    return SimpleNamespace(k=6, scores=scores)
