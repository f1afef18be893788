"""The vocabulary beside the weights: found by itself, and compared with the tokenizer that is used."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import pytest

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.tokenizers.export import CONFIG_FILE, save_tokenizer
from dnamask_plugins.tokenizers.huggingface import HuggingFaceTokenizer
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.tokenizers.loading import load_tokenizer
from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer
from dnamask_plugins.tokenizers.vocabulary import check_vocabulary, words_beside

PROKBERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map("".join, itertools.product("ACGT", repeat=3))]


def test_the_order_of_a_vocabulary_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(PROKBERT) + "\n")
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer == KmerTokenizer(3, "ACGT")
    ids = tokenizer.encode("ACGTTGCA").input_ids
    assert [PROKBERT[index] for index in ids] == [
        "[CLS]", "ACG", "CGT", "GTT", "TTG", "TGC", "GCA", "[SEP]"
    ]  # fmt: skip
    assert load_tokenizer("kmer:k=3,order=ACGT") == tokenizer
    assert KmerTokenizer.from_config(tokenizer.to_config()) == tokenizer
    assert tokenizer.fingerprint() != KmerTokenizer(3).fingerprint()


def test_letters_in_the_order_acgt_are_the_nucleotide_tokenizer() -> None:
    text = "GATTACAN"
    letters, words = NucleotideTokenizer(), KmerTokenizer(1, "ACGT")
    assert words.vocabulary == letters.vocabulary
    assert words.encode(text).input_ids.tolist() == letters.encode(text).input_ids.tolist()


@pytest.mark.parametrize("order", ["ACG", "ACGU", "AACG", "acgt", "", 4, None])
def test_refuses_an_order_of_other_letters(order: object) -> None:
    with pytest.raises(ConfigError, match="order is"):
        KmerTokenizer.from_config({"name": "kmer", "k": 3, "order": order})


def test_words_in_no_order_of_letters_are_no_kmers() -> None:
    shuffled = [*PROKBERT[:5], *reversed(PROKBERT[5:])]
    assert KmerTokenizer.from_vocabulary(shuffled) == KmerTokenizer(3, "TGCA")
    swapped = [*PROKBERT[:20], PROKBERT[21], PROKBERT[20], *PROKBERT[22:]]
    assert KmerTokenizer.from_vocabulary(swapped) is None
    assert KmerTokenizer.from_vocabulary(PROKBERT[:-1]) is None
    assert KmerTokenizer.from_vocabulary([]) is None


def test_a_vocabulary_of_one_size_and_another_order_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(PROKBERT))
    with pytest.raises(ConfigError) as error:
        check_vocabulary(KmerTokenizer(3).vocabulary, tmp_path)
    assert "id 6 is 'AAC' in vocab.txt and 'AAT' in the tokenizer" in str(error.value)
    assert "--tokenizer kmer:k=3,order=ACGT" in str(error.value)
    check_vocabulary(KmerTokenizer(3, "ACGT").vocabulary, tmp_path)


def test_whatever_file_holds_the_vocabulary_is_read(tmp_path: Path) -> None:
    words = dict(enumerate(PROKBERT))
    save_tokenizer(KmerTokenizer(3, "ACGT"), tmp_path / "fast")
    assert words_beside(tmp_path / "fast") == (words, "tokenizer.json")
    (tmp_path / "vocab.json").write_text(json.dumps({word: index for index, word in words.items()}))
    assert words_beside(tmp_path) == (words, "vocab.json")
    (tmp_path / "vocab.txt").write_text("\n".join(PROKBERT) + "\n")
    assert words_beside(tmp_path) == (words, "vocab.txt")
    (tmp_path / "none").mkdir()
    assert words_beside(tmp_path / "none") is None
    check_vocabulary(KmerTokenizer(3).vocabulary, tmp_path / "none")


def test_ids_without_a_word_say_nothing(tmp_path: Path) -> None:
    """A vocabulary may be padded to a round size, in the file or in the model."""
    (tmp_path / "vocab.txt").write_text("\n".join([*PROKBERT, "[unused1]", "[unused2]"]))
    check_vocabulary([*PROKBERT, "<unused69>", "<unused70>", "<unused71>"], tmp_path)


def test_a_damaged_vocabulary_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="is no vocabulary"):
        words_beside(tmp_path)


@pytest.fixture
def esm_files(tmp_path: Path) -> Path:
    """Nucleotide Transformer v2's layout in words of 3: <eos> and <bos> have no role."""
    words = ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>"]
    words += [*map("".join, itertools.product("ATCG", repeat=3)), *"ATCGN"]
    folder = tmp_path / "nt2"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    roles = {role: f"<{role[:3]}>" for role in ("unk_token", "pad_token", "cls_token")}
    settings = {"tokenizer_class": "EsmTokenizer", "mask_token": "<mask>", "eos_token": None, **roles}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def test_tokens_without_a_role_are_special_all_the_same(esm_files: Path) -> None:
    tokenizer = HuggingFaceTokenizer(str(esm_files))
    assert tokenizer.special_ids.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_saved_tokenizer_needs_nothing_of_where_it_came_from(esm_files: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = HuggingFaceTokenizer(str(esm_files))
    text = "ACGTACCNGATTACA"
    expected = tokenizer.encode(text).input_ids.tolist()
    assert save_tokenizer(tokenizer, tmp_path / "run")
    shutil.rmtree(esm_files)
    assert load_tokenizer(tmp_path / "run").encode(text).input_ids.tolist() == expected
    assert AutoTokenizer.from_pretrained(tmp_path / "run")(text)["input_ids"] == expected


def test_files_are_saved_also_where_there_is_no_fast_form(
    esm_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = HuggingFaceTokenizer(str(esm_files))
    expected = tokenizer.encode("ACGTACC").input_ids.tolist()

    def refuse(self: object) -> None:
        raise ConfigError("no fast form")

    monkeypatch.setattr(HuggingFaceTokenizer, "to_huggingface", refuse)
    assert not save_tokenizer(tokenizer, tmp_path / "run")
    shutil.rmtree(esm_files)
    assert json.loads((tmp_path / "run" / CONFIG_FILE).read_text())["config"]["path"] == "dnamask_source"
    assert load_tokenizer(tmp_path / "run").encode("ACGTACC").input_ids.tolist() == expected
