"""The wrapper against transformers' own tokenizers."""

from __future__ import annotations

from pathlib import Path

import pytest
from messy_dna import canonical

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.tokenizers.export import save_pretrained
from dnamask_plugins.tokenizers.huggingface import HuggingFaceTokenizer
from dnamask_plugins.tokenizers.kmer import KmerTokenizer


@pytest.mark.parametrize("which", [0, 1], ids=["python", "fast"])
def test_ids_are_transformers_own(
    which: int, nucleotide_transformer: tuple[Path, Path], messy: list[str]
) -> None:
    from transformers import AutoTokenizer

    path = nucleotide_transformer[which]
    theirs = AutoTokenizer.from_pretrained(path)
    ours = HuggingFaceTokenizer(str(path))
    for text in messy:
        assert ours.encode(text).input_ids.tolist() == theirs(canonical(text))["input_ids"]
    assert (ours.pad_token_id, ours.mask_token_id) == (theirs.pad_token_id, theirs.mask_token_id)


def test_python_and_fast_agree(nucleotide_transformer: tuple[Path, Path], messy: list[str]) -> None:
    slow, fast = (HuggingFaceTokenizer(str(path)) for path in nucleotide_transformer)
    for text in messy:
        a, b = slow.encode(text), fast.encode(text)
        assert a.input_ids.tolist() == b.input_ids.tolist()
        assert a.offsets.tolist() == b.offsets.tolist()
        assert a.special_tokens_mask.tolist() == b.special_tokens_mask.tolist()


def test_words_then_letters(nucleotide_transformer: tuple[Path, Path]) -> None:
    tokenizer = HuggingFaceTokenizer(str(nucleotide_transformer[1]))
    encoding = tokenizer.encode("ACGTACC")
    assert tokenizer.convert_ids_to_tokens(encoding.input_ids) == ["<cls>", "ACG", "TAC", "C"]
    assert encoding.offsets.tolist() == [[0, 0], [0, 3], [3, 6], [6, 7]]


@pytest.mark.parametrize("name", ["vocab_v1_4105.derived.txt", "vocab_v2_4107.derived.txt"])
def test_nucleotide_transformers_vocabularies(
    name: str, shared_data: Path, tmp_path: Path, messy: list[str]
) -> None:
    from transformers import EsmTokenizer

    theirs = EsmTokenizer(str(shared_data / "tokenizers/nucleotide_transformer" / name), eos_token=None)
    theirs.save_pretrained(tmp_path)
    ours = HuggingFaceTokenizer(str(tmp_path))
    assert ours.vocab_size == len(theirs) == int(name.split("_")[2].split(".")[0])
    for text in messy:
        assert ours.encode(text).input_ids.tolist() == theirs(canonical(text))["input_ids"]


def test_an_export_of_ours_is_not_taken_for_a_plain_one(tmp_path: Path) -> None:
    save_pretrained(KmerTokenizer(3), tmp_path)
    with pytest.raises(ConfigError, match="do not count nucleotides"):
        HuggingFaceTokenizer(str(tmp_path))


def test_refuses_another_tokenizer_than_the_recorded(nucleotide_transformer: tuple[Path, Path]) -> None:
    config = HuggingFaceTokenizer(str(nucleotide_transformer[1])).to_config()
    with pytest.raises(ConfigError, match="not the tokenizer that was recorded"):
        HuggingFaceTokenizer.from_config(config | {"sha256": "0" * 64})


def test_refuses_a_folder_without_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no tokenizer loads") as error:
        HuggingFaceTokenizer(str(tmp_path))
    assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="folder or hub id"):
        HuggingFaceTokenizer()
