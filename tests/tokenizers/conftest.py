"""Tokenizers that are made here, so that no file from elsewhere is needed."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from messy_dna import MESSY, random_dna

from dnamask_plugins.tokenizers.bpe import BpeTokenizer
from dnamask_plugins.tokenizers.train import train_tokenizer


@pytest.fixture(scope="session")
def messy() -> list[str]:
    generator = random.Random(7)
    weights = [9, 9, 9, 9, 5, 5, 5, 5, 1, 1, 2, 2, 1, 1]
    drawn = [
        "".join(generator.choices("ACGTacgtNnUuRy", weights=weights, k=generator.randint(0, 80)))
        for _ in range(40)
    ]
    return [*MESSY, *drawn, *(random_dna(300, seed) for seed in range(10))]


@pytest.fixture(scope="session")
def fasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fasta") / "toy.fa"
    path.write_text(
        f">one\n{random_dna(30_000, 1)}\nNNNN{random_dna(5_000, 2)}\n>two\n{random_dna(5_000, 3)}\n"
    )
    return path


@pytest.fixture(scope="session", params=["bpe", "sentencepiece", "unigram"])
def trained(
    request: pytest.FixtureRequest, fasta: Path, tmp_path_factory: pytest.TempPathFactory
) -> BpeTokenizer:
    folder = tmp_path_factory.mktemp(request.param) / "out"
    return train_tokenizer([fasta], folder, request.param, vocab_size=128)


@pytest.fixture(scope="session")
def nucleotide_transformer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of a Python and of a fast tokenizer with Nucleotide Transformer's layout, words of 3."""
    from transformers import EsmTokenizer, PreTrainedTokenizerFast

    from dnamask_plugins.tokenizers.huggingface_form import words_or_letters

    special = ["<unk>", "<pad>", "<mask>", "<cls>"]
    vocabulary = [*special, *map("".join, itertools.product("ATCG", repeat=3)), *"ATCGN"]
    folder = tmp_path_factory.mktemp("nt")
    words = folder / "vocab.txt"
    words.write_text("\n".join(vocabulary))
    slow, fast = folder / "slow", folder / "fast"
    EsmTokenizer(str(words), eos_token=None).save_pretrained(slow)
    PreTrainedTokenizerFast(
        tokenizer_object=words_or_letters(vocabulary, 3, "<unk>", ["<cls>"], [], special),
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
        cls_token="<cls>",
    ).save_pretrained(fast)
    return slow, fast
