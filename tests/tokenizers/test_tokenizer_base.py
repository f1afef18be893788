"""What a third party gets from implementing `encode`, and what holds for every tokenizer here."""

from __future__ import annotations

import functools
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.tokenizers.base import BERT_ROLES, TokenizerBase
from dnamask_plugins.tokenizers.bpe import BpeTokenizer
from dnamask_plugins.tokenizers.export import to_huggingface
from dnamask_plugins.tokenizers.huggingface import HuggingFaceTokenizer
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.tokenizers.logo import LogoTokenizer
from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer
from dnamask_plugins.types import Encoding, NucleotideBatch

ARRAY_TOKENIZERS = [
    KmerTokenizer(1),
    KmerTokenizer(6),
    LogoTokenizer(6, 2),
    LogoTokenizer(3, add_cls=False, keep_ends=False),
    NucleotideTokenizer(),
]


@dataclass(frozen=True)
class Pairs(TokenizerBase):
    """Two letters at a time, by a third party."""

    name = "acme.pairs"

    @functools.cached_property
    def vocabulary(self) -> tuple[str, ...]:
        return (*BERT_ROLES.values(), *(first + second for first in "ACGT" for second in "ACGT"))

    def encode(self, sequence: str) -> Encoding:
        text = self.letters(sequence)
        starts = range(0, len(text) - 1, 2)
        return self.encoding([text[i : i + 2] for i in starts], [(i, i + 2) for i in starts])


def check(tokenizer: TokenizerBase, messy: list[str]) -> None:
    assert isinstance(tokenizer, DNATokenizer)
    batch = tokenizer.encode_batch(messy)
    again = tokenizer.encode_batch(NucleotideBatch.from_strings(messy))
    np.testing.assert_array_equal(batch.input_ids, again.input_ids)
    assert batch.input_ids.dtype == np.int64
    assert batch.offsets.dtype == np.int32
    assert (batch.input_ids < tokenizer.vocab_size).all()
    for row, text in enumerate(messy):
        alone = tokenizer.encode(text)
        size = alone.input_ids.size
        assert batch.input_ids[row, :size].tolist() == alone.input_ids.tolist()
        assert batch.offsets[row, :size].tolist() == alone.offsets.tolist()
        assert batch.special_tokens_mask[row, :size].tolist() == alone.special_tokens_mask.tolist()
        assert (batch.input_ids[row, size:] == tokenizer.pad_token_id).all()
        assert batch.special_tokens_mask[row, size:].all()
        assert batch.attention_mask[row].sum() == size
        assert not batch.offsets[row, size:].any()
        starts, stops = alone.offsets[alone.offsets[:, 1] > 0].T
        assert (np.diff(starts) >= 0).all()
        assert (np.diff(stops) >= 0).all()
        assert (starts < stops).all()
        assert (stops <= len(text)).all()
        assert ((starts >= 0) & (stops - starts <= len(text))).all()
        shown = ~alone.special_tokens_mask
        assert not np.isin(alone.input_ids[shown], tokenizer.special_ids).any()
        assert np.isin(alone.input_ids[~shown], tokenizer.special_ids).all()
        assert (alone.offsets[shown, 1] > alone.offsets[shown, 0]).all()
    lower = tokenizer.encode_batch([text.lower() for text in messy])
    np.testing.assert_array_equal(lower.input_ids, batch.input_ids)
    with pytest.raises(InputError, match="position 2"):
        tokenizer.encode("AC!")
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.encode(messy[-1]).input_ids.tolist() == tokenizer.encode(messy[-1]).input_ids.tolist()
    twin = type(tokenizer).from_config(tokenizer.to_config())
    assert twin.fingerprint() == tokenizer.fingerprint()
    assert twin.encode(messy[-1]).input_ids.tolist() == tokenizer.encode(messy[-1]).input_ids.tolist()


def covers_everything(tokenizer: TokenizerBase, messy: list[str]) -> bool:
    def covered(text: str) -> set[int]:
        return {
            place for start, stop in tokenizer.encode(text).offsets.tolist() for place in range(start, stop)
        }

    return all(covered(text) == set(range(len(text))) for text in messy)


@pytest.mark.parametrize("tokenizer", ARRAY_TOKENIZERS, ids=str)
def test_contract_of_array_tokenizers(tokenizer: TokenizerBase, messy: list[str]) -> None:
    check(tokenizer, messy)


def test_contract_of_a_third_partys(messy: list[str]) -> None:
    check(Pairs(), messy)


def test_contract_of_trained_tokenizers(trained: BpeTokenizer, messy: list[str]) -> None:
    check(trained, messy)
    assert covers_everything(trained, messy)


@pytest.mark.parametrize("which", [0, 1], ids=["python", "fast"])
def test_contract_of_hugging_face_tokenizers(
    which: int, nucleotide_transformer: tuple[Path, Path], messy: list[str]
) -> None:
    tokenizer = HuggingFaceTokenizer(str(nucleotide_transformer[which]))
    check(tokenizer, messy)
    assert covers_everything(tokenizer, messy)


@pytest.mark.parametrize("tokenizer", [KmerTokenizer(1), LogoTokenizer(6, 2), NucleotideTokenizer()], ids=str)
def test_tokens_cover_every_nucleotide(tokenizer: TokenizerBase, messy: list[str]) -> None:
    assert covers_everything(tokenizer, messy)


def test_kmers_cover_every_sequence_of_at_least_k(messy: list[str]) -> None:
    assert covers_everything(KmerTokenizer(6), [text for text in messy if len(text) >= 6])


def test_a_third_partys_needs_one_method_more_to_be_exported() -> None:
    with pytest.raises(ConfigError, match="to_huggingface"):
        to_huggingface(Pairs())
