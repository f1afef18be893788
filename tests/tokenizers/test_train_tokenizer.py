"""Training from FASTA: what is learned, from what, and that it is the same every time."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest
from messy_dna import random_dna

from dnamask_plugins.corpus.fasta import FastaSource
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.tokenizers.bpe import BpeTokenizer
from dnamask_plugins.tokenizers.train import PIECE, TRAINING_FILE, collect_pieces, train_tokenizer


def test_special_tokens_are_in_dnabert2s_order(trained: BpeTokenizer) -> None:
    assert trained.vocabulary[:5] == ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
    assert (trained.pad_token_id, trained.mask_token_id) == (3, 4)
    assert trained.special_ids.tolist() == [0, 1, 2, 3, 4]
    assert trained.vocab_size == 128
    assert {"A", "C", "G", "T"} < set(trained.vocabulary)
    encoding = trained.encode("ACGT")
    assert (encoding.input_ids[0], encoding.input_ids[-1]) == (1, 2)


def test_the_first_merge_is_the_commonest_pair(fasta: Path, tmp_path: Path) -> None:
    trained = train_tokenizer([fasta], tmp_path, "bpe", vocab_size=10)
    pairs: Counter[str] = Counter()
    for piece in collect_pieces([FastaSource(fasta)], 10**9):
        pairs.update(first + second for first, second in itertools.pairwise(piece))
    assert trained.vocabulary[9] == pairs.most_common(1)[0][0]


@pytest.mark.parametrize("kind", ["bpe", "sentencepiece", "unigram"])
def test_training_again_gives_the_same_file(kind: str, fasta: Path, tmp_path: Path) -> None:
    first = train_tokenizer([fasta], tmp_path / "first", kind, vocab_size=64)
    second = train_tokenizer([fasta], tmp_path / "second", kind, vocab_size=64)
    assert first.sha256 == second.sha256


def test_provenance(fasta: Path, tmp_path: Path) -> None:
    train_tokenizer([fasta], tmp_path, "bpe", vocab_size=32)
    record = json.loads((tmp_path / TRAINING_FILE).read_text())
    assert record["files"] == [
        {
            "file": "toy.fa",
            "sha256": hashlib.sha256(fasta.read_bytes()).hexdigest(),
            "records": 2,
            "nucleotides": 40_004,
        }
    ]
    assert record["nucleotides_used"] == 40_000
    assert (record["kind"], record["vocab_size"]) == ("bpe", 32)


def test_compressed_input_and_progress(fasta: Path, tmp_path: Path) -> None:
    packed = tmp_path / "toy.fa.gz"
    packed.write_bytes(gzip.compress(fasta.read_bytes()))
    seen, phases = [], []
    trained = train_tokenizer(
        [packed],
        tmp_path / "out",
        vocab_size=32,
        on_read=seen.append,
        on_train=lambda: phases.append(sum(seen)),
    )
    assert phases == [packed.stat().st_size]
    assert trained.sha256 == train_tokenizer([fasta], tmp_path / "plain", vocab_size=32).sha256


def test_pieces_have_no_n_and_keep_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "long.fa"
    body = [random_dna(40 * PIECE, seed) for seed in range(4)]
    path.write_text(">a\n" + "NNN".join(body).lower() + "\n")
    everything = collect_pieces([FastaSource(path)], 10**9)
    assert "".join(everything) == "".join(body)
    some = collect_pieces([FastaSource(path)], 30 * PIECE)
    assert 10 * PIECE < sum(map(len, some)) <= 30 * PIECE
    places = [everything.index(piece) for piece in some]
    assert places == sorted(places)
    assert places[-1] > 0.9 * len(everything) - 8  # spread over all of the input, not its beginning
    assert len({later - earlier for earlier, later in itertools.pairwise(places)}) == 1


@pytest.mark.parametrize(
    ("content", "options", "error", "message"),
    [
        (">a\nNNNN\n", {}, InputError, "no A, C, G or T"),
        ("", {}, InputError, "no sequence"),
        (">a\nACGT!\n", {}, InputError, "nucleotide letter"),
        (">a\nACGT\n", {"vocab_size": 8}, ConfigError, "no room"),
        (">a\nACGT\n", {"kind": "wordpiece"}, ConfigError, "choose bpe"),
    ],
)
def test_refuses(content: str, options: dict, error: type, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.fa"
    path.write_text(content)
    with pytest.raises(error, match=message) as raised:
        train_tokenizer([path], tmp_path / "out", **options)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()
