"""BPE against the library's own answers, on real sequences where they are."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from messy_dna import canonical, random_dna

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.tokenizers.bpe import BpeTokenizer
from dnamask_plugins.tokenizers.export import save_pretrained


def dnabert2(shared_data: Path) -> Path:
    return shared_data / "tokenizers/dnabert2_bpe/tokenizer.json"


def test_dnabert2_gives_the_librarys_ids_and_offsets_on_gue(shared_data: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = BpeTokenizer(str(dnabert2(shared_data)))
    library = Tokenizer.from_file(str(dnabert2(shared_data)))
    sequences = []
    for name in ("prom/prom_300_all", "tf/0", "splice/reconstructed"):
        with (shared_data / f"gue/{name}/dev.csv").open() as stream:
            sequences += [row["sequence"] for row in csv.DictReader(stream)][:400]
    assert len(sequences) == 1200
    batch = tokenizer.encode_batch(sequences)
    for row, (sequence, theirs) in enumerate(zip(sequences, library.encode_batch(sequences), strict=True)):
        size = len(theirs.ids)
        assert batch.input_ids[row, :size].tolist() == theirs.ids
        assert batch.offsets[row, :size].tolist() == [list(pair) for pair in theirs.offsets]
        assert batch.attention_mask[row].sum() == size
        lengths = [len(token) for token in theirs.tokens[1:-1]]
        assert (batch.offsets[row, 1 : size - 1, 1] - batch.offsets[row, 1 : size - 1, 0]).tolist() == lengths
        assert sum(lengths) == len(sequence)


def test_dnabert2_special_tokens(shared_data: Path) -> None:
    tokenizer = BpeTokenizer(str(dnabert2(shared_data)))
    assert (tokenizer.vocab_size, tokenizer.pad_token_id, tokenizer.mask_token_id) == (4096, 3, 4)
    assert tokenizer.special_ids.tolist() == [0, 1, 2, 3, 4]
    encoding = tokenizer.encode("ACGTnACG")
    unknown = encoding.input_ids.tolist().index(0)
    assert encoding.offsets[unknown].tolist() == [4, 5]
    assert encoding.special_tokens_mask[unknown]


def test_tokens_spell_the_sequence(trained: BpeTokenizer, messy: list[str]) -> None:
    for text in messy:
        encoding = trained.encode(text)
        for index, (start, stop), special in zip(
            encoding.input_ids, encoding.offsets, encoding.special_tokens_mask, strict=True
        ):
            if not special:
                assert trained.vocabulary[index] == canonical(text)[start:stop]


def test_sentencepiece_gives_the_librarys_pieces(trained: BpeTokenizer) -> None:
    if not trained.path.endswith(".model"):
        pytest.skip("a tokenizer.json")
    from sentencepiece import SentencePieceProcessor

    library = SentencePieceProcessor(model_file=trained.path)
    text = random_dna(2_000, 11)
    assert trained.encode(text).input_ids.tolist() == [1, *library.encode(text), 2]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_sentencepiece_model_with_its_usual_prefix(kind: str, tmp_path: Path, messy: list[str]) -> None:
    from sentencepiece import SentencePieceTrainer
    from transformers import AutoTokenizer

    pieces = [random_dna(500, seed) for seed in range(20)]
    SentencePieceTrainer.train(
        sentence_iterator=iter(pieces),
        model_prefix=str(tmp_path / "usual"),
        model_type=kind,
        vocab_size=40,
        control_symbols="<pad>,<mask>",
        minloglevel=2,
    )
    tokenizer = BpeTokenizer(str(tmp_path / "usual.model"))
    encoding = tokenizer.encode("NACGT")
    tokens = tokenizer.convert_ids_to_tokens(encoding.input_ids)
    assert (tokens[0], tokens[1], tokens[-1]) == ("<s>", "▁", "</s>")
    assert encoding.offsets[1].tolist() == [0, 0]
    assert encoding.special_tokens_mask[:3].tolist() == [True, True, True]
    assert encoding.offsets[2].tolist() == [0, 1]
    assert encoding.offsets[-2, 1] == 5
    if kind == "bpe":
        save_pretrained(tokenizer, tmp_path / "saved")
        theirs = AutoTokenizer.from_pretrained(tmp_path / "saved")
        for text in messy:
            assert theirs(text)["input_ids"] == tokenizer.encode(text).input_ids.tolist()


def test_the_file_must_be_the_recorded_one(trained: BpeTokenizer, tmp_path: Path) -> None:
    config = trained.to_config()
    assert len(config["sha256"]) == 64
    other = tmp_path / Path(trained.path).name
    other.write_bytes(Path(trained.path).read_bytes() + b"\n")
    with pytest.raises(ConfigError, match="not the tokenizer that was recorded"):
        BpeTokenizer.from_config(config | {"path": str(other)})


def test_the_same_file_elsewhere_is_the_same_tokenizer(trained: BpeTokenizer, tmp_path: Path) -> None:
    copy = tmp_path / Path(trained.path).name
    copy.write_bytes(Path(trained.path).read_bytes())
    assert BpeTokenizer(str(copy)).fingerprint() == trained.fingerprint()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"a": 1', b"ACGT\n", bytes(range(256))])
def test_refuses_what_is_no_tokenizer(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.json: is no tokenizer file"):
        BpeTokenizer(str(path))


def test_refuses_a_missing_file_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        BpeTokenizer(str(tmp_path / "nowhere.json"))
    with pytest.raises(ConfigError, match="needs the path"):
        BpeTokenizer()


def test_refuses_a_tokenizer_without_mask(trained: BpeTokenizer, tmp_path: Path) -> None:
    if trained.path.endswith(".model"):
        pytest.skip("a SentencePiece model")
    document = Path(trained.path).read_text().replace("[MASK]", "[HIDE]")
    path = tmp_path / "tokenizer.json"
    path.write_text(document)
    with pytest.raises(ConfigError, match="no mask token"):
        BpeTokenizer(str(path))


def test_refuses_offsets_that_count_no_nucleotides(trained: BpeTokenizer, tmp_path: Path) -> None:
    if trained.path.endswith(".model"):
        pytest.skip("a SentencePiece model")
    document = json.loads(Path(trained.path).read_text())
    doubling = {"type": "Replace", "pattern": {"String": "A"}, "content": "CC"}
    document["normalizer"] = doubling
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match="do not count nucleotides"):
        BpeTokenizer(str(path))


def test_letters_of_an_rna_vocabulary(trained: BpeTokenizer, tmp_path: Path, messy: list[str]) -> None:
    if trained.path.endswith(".model"):
        pytest.skip("a SentencePiece model")
    document = json.loads(Path(trained.path).read_text())
    as_rna = str.maketrans("T", "U")
    model = document["model"]
    model["vocab"] = {
        token if token.startswith("[") else token.translate(as_rna): index
        for token, index in model["vocab"].items()
    }
    model["merges"] = [[side.translate(as_rna) for side in pair] for pair in model["merges"]]
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(document))
    rna = BpeTokenizer(str(path), letters_as="ACGUN")
    for text in messy:
        assert rna.encode(text).input_ids.tolist() == trained.encode(text).input_ids.tolist()
    with pytest.raises(ConfigError, match="five letters"):
        BpeTokenizer(str(path), letters_as="ACG")
