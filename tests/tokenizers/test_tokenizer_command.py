"""``dnamask tokenizer``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dnamask_plugins.cli import main
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.tokenizers.loading import load_tokenizer


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["tokenizer", *arguments])
    return int(stopped.value.code or 0)


@pytest.mark.parametrize("kind", ["bpe", "sentencepiece"])
def test_train_then_encode(
    kind: str, fasta: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert run("train", "--kind", kind, "--fasta", str(fasta), "--vocab-size", "64", "-o", out) == 0
    assert "64 tokens" in capsys.readouterr().out
    assert run("encode", "--tokenizer", out, "--sequence", "ACGTNACGT", "--format", "json") == 0
    rows = json.loads(capsys.readouterr().out)
    expected = load_tokenizer(out).encode("ACGTNACGT")
    assert [row["id"] for row in rows] == expected.input_ids.tolist()
    assert [row["offsets"] for row in rows] == expected.offsets.tolist()


def test_encode_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("encode", "--tokenizer", "kmer:k=3", "--sequence", "AAAAN") == 0
    assert capsys.readouterr().out.split("\n")[1:6] == [
        "[CLS]       2  -  (never masked)",
        "AAA         5  0-3",
        "AAA         5  1-4",
        "[UNK]       1  2-5  (never masked)",
        "[SEP]       3  -  (never masked)",
    ]


def test_save(tmp_path: Path) -> None:
    assert run("save", "--tokenizer", "kmer:k=2", "-o", str(tmp_path / "out")) == 0
    assert load_tokenizer(tmp_path / "out") == KmerTokenizer(2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("encode", "--sequence", "AXA"),
        ("encode", "--tokenizer", "kmr", "--sequence", "ACG"),
        ("train", "--fasta", "nowhere.fa", "-o", "out"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    arguments: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
