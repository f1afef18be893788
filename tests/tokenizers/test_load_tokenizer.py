"""Every way to name a tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnamask_plugins.errors import ConfigError, DnamaskError
from dnamask_plugins.tokenizers.bpe import BpeTokenizer
from dnamask_plugins.tokenizers.huggingface import HuggingFaceTokenizer
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.tokenizers.loading import load_tokenizer
from dnamask_plugins.tokenizers.logo import LogoTokenizer


def test_names_and_configurations() -> None:
    assert load_tokenizer("kmer") == KmerTokenizer(6)
    assert load_tokenizer("kmer", k=4) == KmerTokenizer(4)
    assert load_tokenizer("kmer:k=3") == KmerTokenizer(3)
    assert load_tokenizer({"name": "kmer", "k": 5}) == KmerTokenizer(5)
    assert load_tokenizer("logo:n=4,phase=1,keep_ends=false") == LogoTokenizer(4, 1, keep_ends=False)
    assert load_tokenizer(LogoTokenizer(3, 2).to_config()) == LogoTokenizer(3, 2)


def test_files_and_folders(trained: BpeTokenizer, nucleotide_transformer: tuple[Path, Path]) -> None:
    assert load_tokenizer(trained.path) == trained
    assert load_tokenizer(Path(trained.path)) == trained
    assert isinstance(load_tokenizer(nucleotide_transformer[1]), HuggingFaceTokenizer)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("kmr", "did you mean 'kmer'"),
        ("kmer:l=3", "unknown parameter 'l'"),
        ("kmer:3", "key=value"),
        ("kmer:k=x", "from 1 to 10"),
        ("./no/such/folder", "no tokenizer is called"),
    ],
)
def test_refuses_in_one_line(source: str, message: str) -> None:
    with pytest.raises(DnamaskError, match=message) as error:
        load_tokenizer(source)
    assert isinstance(error.value, ConfigError)
    assert "\n" not in str(error.value)


def test_a_folder_named_as_a_tokenizer_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dnamask_plugins.tokenizers.export import save_pretrained

    monkeypatch.chdir(tmp_path)
    (tmp_path / "kmer").mkdir()
    assert load_tokenizer("kmer") == KmerTokenizer(6)  # an empty folder, such as one to be written
    save_pretrained(KmerTokenizer(3), "kmer")
    assert load_tokenizer(Path("kmer")) == load_tokenizer("./kmer") == KmerTokenizer(3)
    with pytest.raises(ConfigError, match=r"write \./kmer"):
        load_tokenizer("kmer")
