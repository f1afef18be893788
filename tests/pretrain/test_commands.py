"""The commands that a user types with every name a model or tokenizer may have; the same name in each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from dnamask_plugins.cli import main
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.tokenizers.export import save_pretrained
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.tokenizers.loading import load_tokenizer

Command = Callable[..., str]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``dnamask ...`` to its end, and return what it printed; it must end well."""

    def run(*arguments: object, code: int = 0) -> str:
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        shown = capsys.readouterr()
        assert int(stopped.value.code or 0) == code, shown.err
        assert "Traceback" not in shown.err
        return shown.out + shown.err

    return run


@pytest.fixture
def trained(typed: Command, small_corpus: Path, small_table: Path, tmp_path: Path) -> Command:
    """Run ``dnamask pretrain`` for two steps with more arguments; the model is in a folder."""
    sizes = ("hidden_size=16", "num_hidden_layers=1", "num_attention_heads=2", "intermediate_size=32")

    def run(name: str, *arguments: object, small: bool = False, code: int = 0) -> str:
        given: list[object] = ["pretrain", "--corpus", small_corpus, "-o", tmp_path / name, *arguments]
        given += ["--npmi", small_table, "--max-steps", 2, "--eval-steps", 1, "--batch-size", 2]
        given += ["--accumulation", 1, "--set", "windows.full_length=60", "--set", "validation.windows=2"]
        given += ["--set", "validation.length=60", "--quiet"]
        for size in sizes if small else ():
            given += ["--set", f"model.{size}"]
        return typed(*given, code=code)

    return run


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text())


def test_a_checkpoint_and_a_repository_are_models_in_every_command(
    typed: Command,
    trained: Command,
    small_corpus: Path,
    toy_suite: Path,
    put_on_hub: Any,
    tmp_path: Path,
) -> None:
    trained("first", "--backbone", "bert-tiny", "--tokenizer", "kmer:k=3", small=True)
    put_on_hub(tmp_path / "first", "lab/model", "v1")
    for number, name in enumerate((str(tmp_path / "first" / "checkpoint-2"), "lab/model@v1")):
        perplexity = ("--corpus", small_corpus, "--windows", 2, "--length", 60, "--strategies", "span")
        assert "span" in typed("perplexity", "--model", name, *perplexity)
        assert typed("tokenizer", "encode", "--tokenizer", name, "--sequence", "ACGTA").count("\n") >= 3
        assert "kmer" in typed("info", name)
        out = tmp_path / f"out{number}"
        suite = ("--gue-dir", toy_suite.parent / "data", "--tasks", toy_suite, "--out", out)
        assert "toy/motif" in typed("gue", "run", "--model", name, *suite, "--probe")
        trained(f"second{number}", "--backbone", name)
        assert record(tmp_path / f"second{number}")["model"]["source"].endswith(Path(name).name)


def test_whatever_names_a_tokenizer_names_it_in_pretrain(
    typed: Command, trained: Command, small_fasta: Path, tmp_path: Path
) -> None:
    tok = tmp_path / "tok"
    typed("tokenizer", "train", "--fasta", small_fasta, "--vocab-size", 64, "-o", tok)
    for number, name in enumerate(("kmer:k=3", "kmer:k=4,order=ACGT,shift=2", tok, tok / "tokenizer.json")):
        trained(f"model{number}", "--backbone", "bert-tiny", "--tokenizer", name, small=True)
        assert load_tokenizer(tmp_path / f"model{number}").name == ("kmer" if number < 2 else "bpe")
        assert typed("tokenizer", "encode", "--tokenizer", tmp_path / f"model{number}", "--sequence", "ACGTA")


def test_a_model_with_room_for_more_words_pretrains_and_is_measured(
    typed: Command, trained: Command, small_corpus: Path, tmp_path: Path
) -> None:
    """Padded to a multiple of 64, for speed on a GPU."""
    folder = tmp_path / "wide"
    words = KmerTokenizer(3)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    load_masked_lm("bert_tiny", words, vocab_size=128, **small)[0].save_pretrained(folder)
    save_pretrained(words, folder)
    trained("further", "--backbone", folder, "--loss", "both")
    perplexity = ("--corpus", small_corpus, "--windows", 2, "--length", 60, "--strategies", "span")
    assert "span" in typed("perplexity", "--model", tmp_path / "further", *perplexity)


def test_dnabert_s_as_published_pretrains_with_a_fresh_head_and_the_record_says_so(
    trained: Command, small_fasta: Path, typed: Command, tmp_path: Path
) -> None:
    """The encoder alone under DNABERT-2's configuration: no head, and names without a prefix."""
    folder = tmp_path / "dnabert-s"
    typed("tokenizer", "train", "--fasta", small_fasta, "--vocab-size", 64, "-o", folder)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    load_masked_lm("dnabert2", load_tokenizer(folder), **small)[0].save_pretrained(folder)
    state = load_file(folder / "model.safetensors")
    encoder = {key.removeprefix("bert."): each for key, each in state.items() if key.startswith("bert.")}
    save_file(encoder, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    modules = {"AutoConfig": "configuration_bert.BertConfig", "AutoModel": "bert_layers.BertModel"}
    config |= {"model_type": "bert", "architectures": ["BertModel"], "auto_map": modules}
    (folder / "config.json").write_text(json.dumps(config))

    assert "--fresh-head" in trained("refused", "--backbone", folder, code=2)
    assert not (tmp_path / "refused" / "run.json").exists()
    said = trained("further", "--backbone", folder, "--fresh-head")
    assert "cls started fresh" in said
    written = record(tmp_path / "further")
    assert written["settings"]["fresh_head"] is True
    assert written["model"]["fresh_parts"] == ["cls"]
    assert written["model"]["started_fresh"]
