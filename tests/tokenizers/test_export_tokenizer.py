"""A saved folder gives the same ids to plain AutoTokenizer, and the tokenizer itself to us."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.tokenizers.base import TokenizerBase
from dnamask_plugins.tokenizers.bpe import BpeTokenizer
from dnamask_plugins.tokenizers.export import CONFIG_FILE, save_pretrained, to_huggingface
from dnamask_plugins.tokenizers.huggingface import HuggingFaceTokenizer
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.tokenizers.loading import load_tokenizer
from dnamask_plugins.tokenizers.logo import LogoTokenizer
from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer


def round_trip(tokenizer: TokenizerBase, folder: Path, texts: list[str]) -> None:
    from transformers import AutoTokenizer, BertConfig

    BertConfig().save_pretrained(folder)  # a model's folder must not turn it into BertTokenizer
    save_pretrained(tokenizer, folder, model_max_length=512)
    theirs = AutoTokenizer.from_pretrained(folder)
    for text in texts:
        assert theirs(text)["input_ids"] == tokenizer.encode(text).input_ids.tolist()
    assert theirs.is_fast
    assert len(theirs) == tokenizer.vocab_size
    assert (theirs.pad_token_id, theirs.mask_token_id) == (tokenizer.pad_token_id, tokenizer.mask_token_id)
    assert theirs.model_max_length == 512
    plain = "ACGTTGCATGCCAGTAACCGGTTA"
    written = theirs.decode(theirs(plain)["input_ids"], skip_special_tokens=True)
    assert written.upper().replace("U", "T") in plain
    assert len(written) > len(plain) - 8
    padded = theirs(texts, padding=True, return_tensors="np")
    batch = tokenizer.encode_batch(texts)
    assert padded["input_ids"].tolist() == batch.input_ids.tolist()
    assert padded["attention_mask"].tolist() == batch.attention_mask.astype(int).tolist()
    ours = load_tokenizer(folder)
    assert type(ours) is type(tokenizer)
    assert ours.fingerprint() == tokenizer.fingerprint()
    assert ours.encode_batch(texts).offsets.tolist() == batch.offsets.tolist()
    assert (folder / "config.json").is_file()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("k", [1, 2, 3, 6, 7])
def test_decoding_writes_each_nucleotide_once(k: int) -> None:
    exported = to_huggingface(KmerTokenizer(k))
    ids = exported("GATTACAGATT")["input_ids"]
    assert exported.decode(ids) == "[CLS]GATTACAGATT[SEP]"
    ids[2] = exported.mask_token_id
    assert exported.decode(ids).startswith(f"[CLS]{'GATTACA'[:k]}[MASK]")


@pytest.mark.parametrize(("k", "shift"), [(1, 1), (2, 1), (3, 1), (6, 1), (7, 1), (3, 3), (6, 2), (7, 3)])
def test_overlapping_kmers_of_raw_sequences(k: int, shift: int, tmp_path: Path, messy: list[str]) -> None:
    round_trip(KmerTokenizer(k, shift=shift), tmp_path, messy)


def test_decoding_words_two_letters_apart() -> None:
    exported = to_huggingface(KmerTokenizer(6, "ACGT", shift=2))
    assert exported.decode(exported("GATTACAGATT")["input_ids"]) == "[CLS]GATTACAGAT[SEP]"


def test_longest_kmers(messy: list[str]) -> None:
    # The vocabulary of a million words is slow to write; the rules that cut them are what differs.
    from dnamask_plugins.tokenizers.huggingface_form import overlapping_kmers

    words = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "GATTACAGAT", "ATTACAGATT", "ACACACACAC")
    tokenizer = overlapping_kmers(words, 10)
    ours = KmerTokenizer(10)
    known = {ours.token_to_id[word]: index for index, word in enumerate(words)}
    for text in messy:
        expected = [known.get(index, 1) for index in ours.encode(text).input_ids.tolist()]
        assert tokenizer.encode(text).ids == expected


@pytest.mark.parametrize("phase", [0, 2, 5])
@pytest.mark.parametrize(("add_cls", "keep_ends"), [(True, True), (False, False)])
def test_logo(phase: int, add_cls: bool, keep_ends: bool, tmp_path: Path, messy: list[str]) -> None:
    round_trip(LogoTokenizer(6, phase, add_cls, keep_ends), tmp_path, messy)


def test_nucleotide(tmp_path: Path, messy: list[str]) -> None:
    round_trip(NucleotideTokenizer(), tmp_path, messy)


def test_trained(trained: BpeTokenizer, tmp_path: Path, messy: list[str]) -> None:
    round_trip(trained, tmp_path, messy)


def test_dnabert2(tmp_path: Path, messy: list[str], shared_data: Path) -> None:
    round_trip(BpeTokenizer(str(shared_data / "tokenizers/dnabert2_bpe/tokenizer.json")), tmp_path, messy)


@pytest.mark.parametrize("which", [0, 1], ids=["python", "fast"])
def test_hugging_faces_own(
    which: int, nucleotide_transformer: tuple[Path, Path], tmp_path: Path, messy: list[str]
) -> None:
    round_trip(HuggingFaceTokenizer(str(nucleotide_transformer[which])), tmp_path, messy)


def test_loads_without_our_code(tmp_path: Path) -> None:
    save_pretrained(KmerTokenizer(3), tmp_path)
    program = (
        "import sys\n"
        "sys.modules['dnamask_plugins'] = None\n"
        "from transformers import AutoTokenizer\n"
        "print(AutoTokenizer.from_pretrained(sys.argv[1])('AcgtNAAAA')['input_ids'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert json.loads(done.stdout) == KmerTokenizer(3).encode("AcgtNAAAA").input_ids.tolist()


def test_special_tokens_in_a_text_stay_whole() -> None:
    ids = to_huggingface(KmerTokenizer(3))("ACGT[MASK]")["input_ids"]
    assert ids == [*KmerTokenizer(3).encode("ACGT").input_ids.tolist()[:-1], 4, 3]


def test_saving_again_replaces_the_sources(trained: BpeTokenizer, tmp_path: Path) -> None:
    save_pretrained(trained, tmp_path)
    save_pretrained(load_tokenizer(tmp_path), tmp_path)
    assert load_tokenizer(tmp_path).fingerprint() == trained.fingerprint()


def test_refuses_a_form_that_gives_other_ids(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Wrong(KmerTokenizer):
        def to_huggingface(self) -> object:
            from dnamask_plugins.tokenizers.huggingface_form import overlapping_kmers

            return overlapping_kmers((*self.vocabulary[:5], *reversed(self.vocabulary[5:])), self.k)

    with pytest.raises(ConfigError, match="has other ids"):
        save_pretrained(Wrong(3), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        save_pretrained(NucleotideTokenizer(), tmp_path / "file")


def test_a_failed_save_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dnamask_plugins.tokenizers.export.write_json", full)
    with pytest.raises(InputError, match="No space left"):
        save_pretrained(NucleotideTokenizer(), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_damaged_configuration_is_named(tmp_path: Path) -> None:
    save_pretrained(NucleotideTokenizer(), tmp_path)
    (tmp_path / CONFIG_FILE).write_text("{")
    with pytest.raises(InputError, match="damaged"):
        load_tokenizer(tmp_path)
    (tmp_path / CONFIG_FILE).write_text('{"format": 2, "config": {"name": "kmer"}}')
    with pytest.raises(InputError, match="format 2"):
        load_tokenizer(tmp_path)
