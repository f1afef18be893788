"""The commands `gue` and `fewshot` from their flags to what they print and write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy_data import labelled, write_csv

from dnamask_plugins.cli import main


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def test_run_prints_a_table_and_writes_records_that_verify(
    toy_suite: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ["gue", "run", "--model", tiny_model, "--gue-dir", toy_suite.parent / "data"]
    arguments += ["--tasks", toy_suite, "--probe", "--drop-leaks", "--out", tmp_path / "out"]
    arguments += ["--max-length", "20"]
    assert call(*arguments) == 0
    first = capsys.readouterr()
    assert "toy/motif" in first.out
    assert "without leaks" in first.out
    assert "cut at 20 tokens: 96 of 96 train rows, 32 of 32 dev rows, 40 of 40 test rows" in first.out
    assert "2 records" in first.err
    assert call(*arguments) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "2 of 2 trials are finished" in second.err
    records = list((tmp_path / "out" / "records").rglob("*.json"))
    assert len(records) == 2
    assert call("results", "verify", tmp_path / "out" / "records") == 0
    assert str(tmp_path) not in records[0].read_text()


def test_a_failed_trial_is_exit_code_1_and_named(
    toy_suite: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (toy_suite.parent / "data" / "toy" / "motif" / "test.csv").write_text("ACGT,0\n")
    arguments = ["gue", "run", "--model", tiny_model, "--gue-dir", toy_suite.parent / "data"]
    assert call(*arguments, "--tasks", toy_suite, "--probe", "--out", tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert "failed: toy/motif seed 0:" in captured.err
    assert "line 1 is no header" in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--model": "nowhere/else/x"}, "no such folder"),
        ({"--gue-dir": "nowhere"}, "no such folder"),
        ({"--tasks": "mouse/33"}, "no task is called"),
        ({"--tasks": "mouse/3"}, "no test file for mouse/3"),
        ({"--recipe": "papr"}, "did you mean 'paper'"),
        ({"--seeds": "x"}, "whole numbers"),
        ({"--set": "epochs"}, "KEY=VALUE"),
        ({"--set": "epochs=3"}, "no such training argument"),
        ({"--track": "fast"}, "no such track"),
        ({"--corpus": "nowhere.fa"}, "give the corpus as FASTA"),
    ],
)
def test_a_wrong_flag_is_one_line_and_exit_code_2(
    toy_suite: Path,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict,
    words: str,
):
    flags = {"--model": tiny_model, "--gue-dir": toy_suite.parent / "data", "--tasks": toy_suite}
    flags |= {"--out": tmp_path / "out"} | changes
    assert call("gue", "run", *[part for pair in flags.items() for part in pair]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if "Warning" not in line]
    assert words in errors[-1]
    assert errors[-1].startswith("error:")
    assert not (tmp_path / "out").exists()


def test_lora_and_probe_exclude_each_other(
    toy_suite: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ["gue", "run", "--model", tiny_model, "--gue-dir", tmp_path, "--out", tmp_path / "out"]
    assert call(*arguments, "--lora", "--probe") == 2
    assert "exclude each other" in capsys.readouterr().err


def test_audit_prints_and_writes_what_it_finds(
    toy_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    train = labelled(15, 96)
    folder = toy_suite.parent / "data" / "toy" / "motif"
    write_csv(folder / "train.csv", train)
    write_csv(folder / "test.csv", [*train[:3], *labelled(77, 30)])
    genome = tmp_path / "genome.fa"
    genome.write_text(">one\n" + train[0][0] + "\n")
    arguments = ["gue", "audit", "--gue-dir", toy_suite.parent / "data", "--tasks", toy_suite]
    assert call(*arguments, "--corpus", genome, "--json", tmp_path / "audit.json") == 0
    assert "3 (0)" in capsys.readouterr().out
    found = json.loads((tmp_path / "audit.json").read_text())
    motif = next(item for item in found["tasks"] if item["task"] == "toy/motif")
    assert motif["leaked_test_rows"] == 3
    assert {part["split"]: part["rows"] for part in motif["corpus"]} == {"train": 1, "dev": 0, "test": 1}


def test_help_comes_without_the_heavy_libraries():
    import subprocess
    import sys

    code = (
        "import sys\nfrom dnamask_plugins.cli import main\n"
        "try:\n    main(['gue', 'run', '--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'transformers', 'numpy', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
